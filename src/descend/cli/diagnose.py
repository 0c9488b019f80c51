"""`descend diagnose`: why a recipe or a run does not learn, and what cures it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli import options
from descend.cli.output import put, put_json, say, tell_of_downloads
from descend.cli.proof import put_proof, put_written
from descend.cli.usage import Whole

if TYPE_CHECKING:
    from descend.diagnosis.diagnosing import Diagnosis
    from descend.diagnosis.proof import Proof
    from descend.recipe import Recipe


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

    --prove trains the recipe as it is and every remedy, over the same seeds, and says which help.
    The exit code is 2 where something was found that hurts.
    """
    from descend.cli.findings import FOUND, put_examination
    from descend.cli.progress import telling
    from descend.diagnosis.diagnosing import diagnose
    from descend.diagnosis.proving import prove as proof_of
    from descend.intake import edits_for
    from descend.recipe.edits import parse_edit
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
    proof = None
    if (prove or place is not None) and not diagnosis.is_provable:
        say("nothing can be proven of a recipe that cannot be trained: mend it first", quiet)
    if (prove or place is not None) and diagnosis.is_provable:
        if not diagnosis.is_possible:
            say("what is impossible is left open, as descend chooses it", quiet)
        say("proving: the recipe as it is and every remedy, over the same seeds", quiet)
        recipe = _given_recipe(given, diagnosis, changes)
        proof = proof_of(recipe, diagnosis.findings, data_dir=data_dir)
        if place is not None:
            _write_cured(place, recipe, proof, diagnosis)
    if as_json:
        put_json(replace(diagnosis, proof=proof).to_json())
        return 0 if diagnosis.is_healthy else FOUND
    code = put_examination(diagnosis.examination)
    put(
        f"after {100 * diagnosis.share:.0f} % of the planned steps, "
        f"at the cost of {diagnosis.cost:,.{0 if diagnosis.cost >= 100 else 1}f} trainings of one "
        "network"
    )
    if proof is not None:
        put()
        put_proof(proof, diagnosis)
        if place is not None:
            put_written(place, proof, diagnosis)
    return code


def _show_watched(folder: str, as_json: bool) -> int:
    """Print what was found in a loop that was watched; there is no recipe to train again."""
    from descend.cli.findings import FOUND, put_examination
    from descend.watching.folder import read_examination

    examination = read_examination(folder)
    if as_json:
        put_json({"run": folder, **examination.to_json()})
        return 0 if examination.is_healthy else FOUND
    return put_examination(examination)


def _given_recipe(given: str, diagnosis: Diagnosis, changes: dict[str, Any]) -> Recipe:
    """The recipe with what it leaves open, so that remedies choose it anew; a run's own.

    Of one that is impossible what is left without its problems.
    """
    from descend.intake import as_recipe

    if diagnosis.run is not None or not diagnosis.is_possible:
        return diagnosis.recipe
    return as_recipe(given)[0].edited(changes)


def _place(fix: str, given: str) -> Path:
    """Where the cured recipe goes; DescendError where something is there already."""
    from descend.errors import RecipeError

    place = Path(fix or f"{Path(given).name.removesuffix('.toml')}-cured.toml")
    if place.exists():
        raise RecipeError(
            f"`--fix` must name a file that does not exist yet: {str(place)!r}",
            hint="--fix FILE chooses another one",
        )
    return place


def _write_cured(place: Path, recipe: Recipe, proof: Proof, diagnosis: Diagnosis) -> None:
    from descend.diagnosis.fixing import cured_toml
    from descend.runs.files import write_text

    if proof.cure is None:
        return
    named = {finding.code: finding.name for finding in diagnosis.findings}
    codes = " ".join(f"{code} {named.get(code, '')}".strip() for code in proof.cure.codes)
    why = dict.fromkeys(proof.cure.edits, codes or proof.cure.why)
    write_text(place, cured_toml(recipe, proof.cure.edits, why))
