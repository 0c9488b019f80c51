"""Intake: from what a person gives to a completed recipe and its examples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from descend.comparison.file import Compare, ComparisonFile
from descend.data.arrays import from_arrays
from descend.data.examples import Examples
from descend.data.names import SOURCES, is_path
from descend.data.sources import load
from descend.errors import DataError, RecipeError
from descend.laboratory import find_lab, lab_names
from descend.recipe import Recipe
from descend.recipe.asked import Asked
from descend.recipe.defaults import Facts, complete, with_scales
from descend.recipe.names import nearest
from descend.recipe.recipe import edited_tree, text_of, tree_of
from descend.training.targets import with_class_weights

Arrays = tuple[Any, Any]


def as_recipe(
    given: Recipe | Mapping[str, Any] | Path | str, source: str | None = None
) -> tuple[Recipe, str]:
    """The recipe that is meant, and a name for its runs; source: where a mapping names none."""
    if isinstance(given, Recipe):
        return given, given.title or given.data.source
    if isinstance(given, Mapping):
        return as_recipe(Recipe.of(_with_source(given, source)))
    text = str(given)
    if text.endswith(".toml"):
        return Recipe.read(given), Path(given).stem
    if text in lab_names():
        return find_lab(text).recipe, text
    if text in SOURCES or (is_path(text) and Path(text).is_dir()):
        return Recipe.of({"data": {"source": text}}), Path(text).name
    known = [*lab_names(), *SOURCES]
    close = nearest(text, known)
    raise RecipeError(
        f"RECIPE must be a .toml file, a lab or a source of examples: {text!r}",
        hint=f"did you mean {close!r}?" if close else "`descend labs` lists the labs",
    )


def as_asked(
    given: Recipe | Mapping[str, Any] | Path | str,
    edits: Mapping[str, Any],
    source: str | None = None,
) -> tuple[Asked, str]:
    """As `as_recipe`, edited, and where that is impossible what is possible of it."""
    if isinstance(given, Mapping):
        asked = Asked.of(edited_tree(_with_source(given, source), edits))
        return asked, asked.recipe.title or asked.recipe.data.source
    if isinstance(given, Path | str) and str(given).endswith(".toml"):
        tree = tree_of(text_of(given))
        tree.pop("compare", None)
        return Asked.of(edited_tree(tree, edits)), Path(given).stem
    recipe, name = as_recipe(given, source)
    return Asked.of(edited_tree(recipe.tree(), edits)), name


def _with_source(given: Mapping[str, Any], source: str | None) -> dict[str, Any]:
    """The tree with this source where it names none."""
    data = given.get("data", {})
    if source is None or not isinstance(data, Mapping) or "source" in data:
        return dict(given)
    return {**given, "data": {**data, "source": source}}


def as_comparison(
    given: Recipe | Mapping[str, Any] | Path | str, source: str | None = None
) -> tuple[Recipe, str, Compare]:
    """As `as_recipe`, and what the file or the lab says of how it is compared."""
    text = str(given)
    if isinstance(given, Path | str) and text.endswith(".toml"):
        file = ComparisonFile.read(given)
        return file.recipe, Path(given).stem, file.compare
    recipe, name = as_recipe(given, source)
    is_lab = isinstance(given, Path | str) and text in lab_names()
    return recipe, name, find_lab(text).comparison if is_lab else Compare()


def edits_for(seed: int | None, epochs: int | None) -> dict[str, Any]:
    """The edits that `seed` and `epochs` are short for; none for what is None."""
    short = {"training.seed": seed, "training.epochs": epochs}
    return {field: value for field, value in short.items() if value is not None}


def complete_with_examples(
    recipe: Recipe, data: Examples | Arrays | None = None, data_dir: Path | str | None = None
) -> tuple[Recipe, Examples]:
    """The recipe with every choice made, and the examples that they were made for."""
    recipe = with_scales(recipe)
    examples = examples_of(recipe, data, data_dir)
    return completed_for(recipe, examples), examples


def completed_for(recipe: Recipe, examples: Examples) -> Recipe:
    """The recipe, its scales chosen before, with every other choice made for these examples."""
    return with_class_weights(complete(recipe, facts_of(examples)), examples)


def facts_of(examples: Examples) -> Facts:
    """What the open choices of a recipe depend on."""
    preparation = examples.preparation
    return Facts(
        task=examples.task,
        outputs=examples.outputs,
        examples=len(examples.train),
        splits=tuple(examples.splits),
        scale=preparation.scaling,
        target_scale=preparation.target_scaling,
        chosen=examples.chosen,
    )


def examples_of(
    recipe: Recipe, data: Examples | Arrays | None, data_dir: Path | str | None
) -> Examples:
    """The examples that were given, scaled as the recipe asks, or else those of its source."""
    if isinstance(data, Examples):
        return data.scaled(recipe.data.scale, recipe.data.target_scale)
    if data is None:
        return load(recipe.data, data_dir)
    x, y = data
    return from_arrays(x, y, recipe.data)


def same_examples(
    recipe: Recipe,
    facts: Mapping[str, Any],
    data: Examples | Arrays | None,
    data_dir: Path | str | None,
    run: Path | str,
) -> Examples:
    """The examples that a run began with, loaded or given again."""
    if facts["is_from_arrays"] and data is None:
        raise DataError(
            f"the arrays must be given again for a run that was trained on arrays: {str(run)!r}",
            hint="as in descend.resume(run, data=(x, y)) or descend.evaluate(run, x, y)",
        )
    examples = examples_of(recipe, data, data_dir or facts["folder"])
    if examples.fingerprint != facts["fingerprint"]:
        raise DataError(
            "the data must be those that the run began with: "
            f"{examples.name} has another fingerprint",
            hint="restore the data, or train anew",
        )
    return examples
