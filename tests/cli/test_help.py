"""`--help`: quick, complete, with examples, and as the documentation shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from descend.cli import VERBS, cli
from descend.cli.reference import page
from tests.cli.command import Descend

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = click.Context(cli)


def command_of(verb: str) -> click.Command:
    command = cli.get_command(CONTEXT, verb)
    assert command is not None
    return command


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    """docs/reference/cli.md is what --help prints today."""
    written = (ROOT / "docs" / "reference" / "cli.md").read_text(encoding="utf-8")
    how = "python -m descend.cli.reference > docs/reference/cli.md writes it anew"
    assert written == page(), how


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_help_with_an_example(descend: Descend, verb: str) -> None:
    """The first sentence of its help and of the list agree; it shows how it is typed."""
    told = descend(verb, "--help")
    assert told.code == 0
    assert f"\n  {VERBS[verb]}\n" in told.out
    assert re.search(rf"^  descend {verb}\b", told.out, re.MULTILINE)
    assert descend(verb, "-h").out == told.out


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_has_the_options_of_all(verb: str) -> None:
    """--json and -q belong to every verb, and every option says what it does."""
    options = [one for one in command_of(verb).params if isinstance(one, click.Option)]
    names = {name for option in options for name in option.opts}
    assert {"--json", "-q", "--quiet"} <= names
    assert all(option.help and option.help.endswith(".") for option in options)


def test_no_arguments_show_the_help(descend: Descend) -> None:
    """`descend` alone is `descend --help`."""
    told = descend()
    assert told.code == 0
    assert told.out == descend("--help").out
    assert "descend train digits" in told.out


def test_the_version_is_printed(descend: Descend) -> None:
    """`descend --version` names program and version."""
    from descend import __version__

    assert descend("--version").out == f"descend {__version__}\n"


@pytest.mark.parametrize("arguments", [["--help"], [], *([verb, "--help"] for verb in VERBS)])
def test_help_imports_click_and_no_more(arguments: list[str]) -> None:
    """Nothing else than click and descend's own small modules is loaded."""
    program = (
        "import sys, descend.cli\n"
        "try: descend.cli.main()\n"
        "except SystemExit: pass\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60
    )
    loaded = set(done.stderr.split())
    assert "click" in loaded
    assert loaded & {"torch", "numpy", "pydantic", "rich", "polars", "sklearn", "PIL"} == set()


@pytest.mark.parametrize("verb", ["labs", "runs", "schema"])
def test_a_list_needs_no_torch(verb: str) -> None:
    """What only reads text answers at once."""
    program = (
        f"import sys\nsys.argv = ['descend', {verb!r}]\nimport descend.cli\n"
        "try: descend.cli.main()\n"
        "except SystemExit as end: assert not end.code\n"
        "print('torch' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "False", done.stderr


def test_the_schema_is_a_json_schema(descend: Descend) -> None:
    """`schema` prints the fields of a recipe, with and without --json."""
    schema = descend("schema").document
    assert {"data", "network", "training"} <= set(schema["properties"])
    assert descend("schema", "--json").document == schema
