"""`descend preflight`: four cheap checks of a recipe before it is trained."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import click

from descend.cli import options
from descend.cli.output import put, put_json, styled, tell_of_downloads

if TYPE_CHECKING:
    from descend.diagnosis.preflight.outcome import Preflight

COLOURS = {"passed": "green", "failed": "red", "not applicable": "cyan"}
INDENT = "  "


@click.command("preflight")
@click.argument("recipe", metavar="RECIPE")
@options.edits
@options.seed
@options.data_dir
@options.as_json
@options.quiet
def command(
    recipe: str,
    edits: tuple[str, ...],
    seed: int | None,
    data_dir: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Try a recipe on one batch: four cheap checks before it is trained.

    RECIPE is a .toml file, a lab or a source of examples. One batch of 32 examples can be
    overfitted; every layer gets a gradient and moves; examples of a batch do not influence each
    other, but by batch normalisation; gradients agree with finite differences. Nothing is written.
    In Python, descend.preflight does the same with any torch module.

    \b
    descend preflight my.toml
    descend preflight digits --set network.init=zeros

    The exit code is 2 where a check has failed.
    """
    from descend.cli.findings import FOUND
    from descend.diagnosis.preflight.flight import preflight
    from descend.intake import edits_for
    from descend.recipe.edits import parse_edit

    tell_of_downloads(quiet)
    changes = {**edits_for(seed, None), **dict(parse_edit(edit) for edit in edits)}
    found = preflight(recipe, edits=changes, data_dir=data_dir)
    if as_json:
        put_json(found.to_json())
    else:
        put_preflight(found)
    return 0 if found.passed else FOUND


def put_preflight(found: Preflight) -> None:
    """Print each check with what it saw."""
    from descend.cli.outcome import counted, duration
    from descend.cli.texts import columns

    for outcome in found.outcomes:
        put(f"{styled(outcome.verdict, fg=COLOURS[outcome.verdict], bold=True)}: {outcome.name}")
        for line in textwrap.wrap(
            outcome.sentence, columns(100), initial_indent=INDENT, subsequent_indent=INDENT
        ):
            put(line)
    put()
    checks, failed = counted(len(found.outcomes), "check"), len(found.failed)
    put(f"{checks}, {failed} failed ({duration(found.seconds)})")
