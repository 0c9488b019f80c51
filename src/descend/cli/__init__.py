"""The command line: one file for each verb, thin over the library.

Data go to stdout, talk to stderr. Exit 0 = done, 1 = error, 130 = interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from descend import __version__
from descend.errors import DescendError

VERBS = {
    "labs": "List the experiments of the tutorials.",
    "lab": "Run one experiment and show its result beside the expected one.",
    "train": "Train a recipe, a lab or a source of examples.",
    "predict": "Show what a trained network says about an example or a file.",
    "evaluate": "Score a trained network on a split of its data or on other data.",
    "resume": "Continue an interrupted run as if nothing had happened.",
    "runs": "List the runs below a folder.",
    "schema": "Print the JSON Schema of recipes.",
}


class Verbs(click.Group):
    """Finds a verb in its file when it is called, so that `--help` imports none of them."""

    def list_commands(self, context: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command: click.Command = import_module(f"descend.cli.{name}").command
        return command

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise unknown_verb(args[0])
        return super().resolve_command(context, args)


def unknown_verb(name: str) -> DescendError:
    """The error of a verb that does not exist, with the nearest one."""
    from descend.recipe.names import nearest

    close = nearest(name, VERBS)
    hint = f"did you mean {close!r}?" if close else "`descend --help` lists them"
    return DescendError(f"a command must be one of {', '.join(VERBS)}: {name!r}", hint=hint)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """descend trains feed-forward neural networks and says why they learn, or why they do not."""


def main() -> None:
    """Run the command line; every error is one sentence and a hint on stderr, exit 1."""
    try:
        sys.exit(cli.main(prog_name="descend", standalone_mode=False) or 0)
    except DescendError as error:
        fail(error.message, error.hint)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except click.UsageError as error:
        usage = f"`{error.ctx.command_path} --help` shows how" if error.ctx else None
        fail(error.format_message(), usage)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def fail(message: str, hint: str | None) -> None:
    """Print an error and end with exit 1."""
    print(f"error: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    sys.exit(1)
