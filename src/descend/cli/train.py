"""`descend train`: train a recipe, a lab or a source of examples."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from descend.cli import options
from descend.cli.output import put, put_json, tell_of_downloads

if TYPE_CHECKING:
    from descend.recipe import Recipe


@click.command("train")
@click.argument("recipe", metavar="RECIPE")
@options.edits
@options.seed
@options.seeds
@options.epochs
@options.out
@options.data_dir
@options.device
@options.threads
@click.option("--print-recipe", is_flag=True, help="Print the recipe, completed, and do not train.")
@options.as_json
@options.quiet
def command(
    recipe: str,
    edits: tuple[str, ...],
    seed: int | None,
    seeds: int | None,
    epochs: int | None,
    out: str,
    data_dir: str | None,
    device: str,
    threads: int | None,
    print_recipe: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Train a recipe, a lab or a source of examples.

    RECIPE is a .toml file, - for one on stdin, the name of a lab (`descend labs`), the name of a
    source (and, or, xor, circles, moons, spirals, blobs, sine, digits, mnist, fashion-mnist, …) or
    a folder of four IDX files. What it leaves open is chosen by the task; --print-recipe shows the
    choices.

    \b
    descend train digits
    descend train xor --set network.hidden=[4] --set training.lr=0.1 --seed 7
    descend train my.toml --epochs 3 --out /tmp/runs
    descend train xor-nn --seeds 20 --json

    What is wrong with the recipe, its examples or its first weights is said before the first step,
    and what the training has shown at its end; nothing where it is healthy. The table shows the
    final weights' scores on every split. Ctrl-C ends the training in good
    order (exit code 130) and says how to continue it; a second one ends it at once. A run whose
    loss is no longer finite has diverged: it is kept as evidence, and no error (exit code 0).
    """
    from descend.api import train
    from descend.cli.alarms import warn
    from descend.cli.outcome import show
    from descend.cli.progress import telling
    from descend.intake import edits_for
    from descend.recipe.edits import parse_edit

    tell_of_downloads(quiet)
    given = recipe_from(recipe)
    changes = dict(parse_edit(edit) for edit in edits)
    if print_recipe:
        show_recipe(given, edits_for(seed, epochs) | changes, data_dir, as_json)
        return 0
    diagnosis = the_diagnosis(recipe, edits, seed, epochs, data_dir)
    with telling(quiet) as tell:
        run = train(
            given,
            edits=changes,
            seed=seed,
            seeds=seeds,
            epochs=epochs,
            out=out,
            device=device,
            threads=threads,
            data_dir=data_dir,
            tell=tell,
            found=lambda examination: warn(examination, diagnosis, quiet),
        )
    return show(run, as_json)


def the_diagnosis(
    recipe: str,
    edits: Sequence[str],
    seed: int | None,
    epochs: int | None,
    data_dir: str | None,
) -> list[str]:
    """The command that diagnoses what is about to be trained."""
    numbers = {"--seed": seed, "--epochs": epochs, "--data-dir": data_dir}
    given = [word for name, value in numbers.items() if value is not None for word in (name, value)]
    changes = [word for edit in edits for word in ("--set", edit)]
    return [
        "descend",
        "diagnose",
        "RECIPE" if recipe == "-" else recipe,
        *changes,
        *map(str, given),
    ]


def recipe_from(given: str) -> Recipe | str:
    """What `descend.train` takes; the recipe on stdin where `-` is given."""
    if given != "-":
        return given
    from descend.recipe import Recipe

    return Recipe.from_toml(sys.stdin.read())


def show_recipe(
    given: Recipe | str, changes: dict[str, Any], data_dir: str | None, as_json: bool
) -> None:
    """Print the recipe with every choice made, as a training with it would write it."""
    from descend.intake import as_recipe, complete_with_examples

    recipe, _ = as_recipe(given)
    completed, _ = complete_with_examples(recipe.edited(changes), None, data_dir)
    if as_json:
        put_json(completed.tree())
    else:
        put(completed.to_toml().rstrip("\n"))
