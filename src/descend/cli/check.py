"""`descend check`: what is wrong with a recipe before a single step."""

from __future__ import annotations

import click

from descend.cli import options
from descend.cli.output import put_json, tell_of_downloads


@click.command("check")
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
    """Say what is wrong with a recipe before a single step.

    RECIPE is a .toml file, a lab or a source of examples. The examples are looked at, and one batch
    goes forward and backward through fresh networks of three seeds; nothing is trained and nothing
    is written. A recipe that cannot be built is looked at as far as it goes.

    \b
    descend check my.toml
    descend check digits --set network.init=normal

    The exit code is 2 where something was found that hurts.
    """
    from descend.cli.findings import FOUND, put_examination
    from descend.diagnosis.checking import check
    from descend.intake import edits_for
    from descend.recipe.edits import parse_edit

    tell_of_downloads(quiet)
    changes = {**edits_for(seed, None), **dict(parse_edit(edit) for edit in edits)}
    checked = check(recipe, edits=changes, data_dir=data_dir)
    if as_json:
        put_json(checked.to_json())
        return 0 if checked.examination.is_healthy else FOUND
    return put_examination(checked.examination)
