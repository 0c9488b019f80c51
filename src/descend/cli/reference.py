"""The page of the command line in docs/, made of every `--help`.

`python -m descend.cli.reference > docs/reference/cli.md` writes it; a test fails when it is stale.
"""

from __future__ import annotations

import sys

import click

from descend.cli import HELP_OPTIONS, VERBS, cli

WIDTH = 80

HEAD = """\
# Command line

This page is the output of `--help` for every command.
In all of them results go to stdout and all else to stderr.
`--json` prints one JSON document to stdout and nothing else.
`-q` silences stderr except for errors.
`NO_COLOR` in the environment switches styles off.
`DESCEND_DATA` in the environment names a folder where the files of MNIST-like sets are looked for.

| exit code | meaning |
|---|---|
| 0 | done; also where a run diverged or a lab differs from what is expected: the result says so |
| 1 | an error: one sentence and a hint on stderr, nothing on stdout, nothing half-written |
| 2 | `check`, `preflight` or `diagnose` has found something that hurts |
| 130 | interrupted by Ctrl-C; the run can be resumed |
"""


def page() -> str:
    """The whole page in Markdown."""
    sections = [section("descend", cli)]
    for name in VERBS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        sections.append(section(f"descend {name}", command))
    return "\n".join([HEAD, *sections])


def section(name: str, command: click.Command) -> str:
    """One command with its help, as wide as on a terminal of 80 columns."""
    context = click.Context(
        command, info_name=name, terminal_width=WIDTH, help_option_names=HELP_OPTIONS
    )
    return f"## {name}\n\n```text\n{command.get_help(context).rstrip()}\n```\n"


if __name__ == "__main__":
    sys.stdout.write(page())
