"""`descend diagnose`: why a recipe or a run does not learn, and what cures it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from descend.cli import options
from descend.cli.output import put, put_json, say, tell_of_downloads
from descend.cli.proof import put_proof, put_written
from descend.cli.usage import Whole

if TYPE_CHECKING:
    from descend.diagnosis.diagnosing import Diagnosis


@click.command("diagnose")
@click.argument("given", metavar="RECIPE|RUN")
@options.edits
@options.seed
@click.option(
    "--seeds", type=Whole(1), default=3, show_default=True, metavar="N", help="Networks to look at."
)
@options.epochs
@click.option("--prove", is_flag=True, help="Train every remedy beside the recipe as it is.")
@click.option(
    "--fix",
    is_flag=False,
    flag_value="",
    metavar="[FILE]",
    help="Prove, and write the cured recipe to FILE, which must not exist yet.",
)
@click.option(
    "--cost",
    type=Whole(1),
    default=10,
    show_default=True,
    metavar="N",
    help="What a proof may cost, in ordinary trainings.",
)
@options.data_dir
@options.as_json
@options.quiet
def command(
    given: str,
    edits: tuple[str, ...],
    seed: int | None,
    seeds: int,
    epochs: int | None,
    prove: bool,
    fix: str | None,
    cost: int,
    data_dir: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Say why a recipe or a run does not learn, and what cures it.

    Of a recipe, networks of a few seeds are trained for a tenth of the planned steps, and short
    forks of them with other rates; where that shows nothing, to the end. Of a run, what was
    measured is read. Causes come first, each with its evidence and what should cure it; what
    follows from another fault is listed below it.

    \b
    descend diagnose my.toml
    descend diagnose my.toml --prove
    descend diagnose runs/2026-01-31_120000_digits_1a2b
    descend diagnose my.toml --fix cured.toml

    --prove trains the recipe as it is and every remedy, over the same seeds, and says which help;
    it costs ten trainings of the recipe at most, unless --cost says otherwise.
    The exit code is 2 where something was found that hurts.
    """
    from descend.cli.findings import FOUND, put_examination
    from descend.cli.progress import telling
    from descend.diagnosis.diagnosing import diagnose
    from descend.diagnosis.fixing import fixed_toml
    from descend.intake import edits_for
    from descend.recipe.edits import parse_edit
    from descend.runs.files import write_text
    from descend.runs.folder import is_watched

    if is_watched(given):
        return _show_watched(given, as_json)
    tell_of_downloads(quiet)
    changes = {**edits_for(seed, epochs), **dict(parse_edit(edit) for edit in edits)}
    place = None if fix is None else _place(fix, given)
    with telling(quiet) as tell:
        diagnosis = diagnose(
            given, edits=changes or None, seeds=seeds, data_dir=data_dir, tell=tell
        )
    if not as_json:
        put_examination(diagnosis.examination)
        put(_spent(diagnosis))
    if prove or place is not None:
        diagnosis = _proven(diagnosis, data_dir, cost, quiet)
        if place is not None and (text := fixed_toml(diagnosis)) is not None:
            write_text(place, text)
    if as_json:
        put_json(diagnosis.to_json())
    elif diagnosis.proof is not None:
        put()
        put_proof(diagnosis.proof, diagnosis)
        if place is not None:
            put_written(place, diagnosis.proof, diagnosis)
    return 0 if diagnosis.is_healthy else FOUND


def _proven(diagnosis: Diagnosis, data_dir: str | None, cost: int, quiet: bool) -> Diagnosis:
    """The diagnosis with its proof, where something can be trained at all."""
    from descend.cli.comparison import Narrator, parts_of
    from descend.cli.progress import telling
    from descend.diagnosis.proving import prove

    if not diagnosis.is_provable:
        say("nothing can be proven of a recipe that cannot be trained: mend it first", quiet)
        return diagnosis
    if not diagnosis.is_possible:
        say("what is impossible is left open, as descend chooses it", quiet)
    say("proving: the recipe as it is and every remedy, over the same seeds", quiet)
    with telling(quiet, parts_of) as teller:
        proof = prove(
            diagnosis.base,
            diagnosis.findings,
            data_dir=data_dir,
            most_cost=cost,
            tell=Narrator(teller, quiet).tell,
        )
    return replace(diagnosis, proof=proof)


def _spent(diagnosis: Diagnosis) -> str:
    """What the diagnosis took."""
    digits = 0 if diagnosis.cost >= 100 else 1
    return (
        f"after {100 * diagnosis.share:.0f} % of the planned steps, at the cost of "
        f"{diagnosis.cost:,.{digits}f} trainings of one network"
    )


def _show_watched(folder: str, as_json: bool) -> int:
    """Print what was found in a loop that was watched; there is no recipe to train again."""
    from descend.cli.findings import FOUND, put_examination
    from descend.watching.folder import read_examination

    examination = read_examination(folder)
    if as_json:
        put_json({"run": folder, **examination.to_json()})
        return 0 if examination.is_healthy else FOUND
    return put_examination(examination)


def _place(fix: str, given: str) -> Path:
    """Where the cured recipe goes; DescendError where it cannot go, before anything is trained."""
    from descend.errors import RecipeError

    place = Path(fix or f"{Path(given).name.removesuffix('.toml')}-cured.toml")
    if place.exists():
        raise RecipeError(
            f"`--fix` must name a file that does not exist yet: {str(place)!r}",
            hint="--fix FILE chooses another one",
        )
    if not place.parent.is_dir():
        raise RecipeError(
            f"`--fix` must name a file in a folder that is there: {str(place)!r}",
            hint=f"make {str(place.parent)!r} first",
        )
    return place
