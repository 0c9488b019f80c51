"""Checking: what is wrong with a recipe before a single step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from descend.data.examples import Examples
from descend.diagnosis.examination import Examination, examine
from descend.diagnosis.profiling import profile_of
from descend.diagnosis.recording import planned
from descend.errors import DataError, DescendError, NetworkError, RecipeError
from descend.findings.record import Record
from descend.findings.rule import rules
from descend.intake import Arrays, as_recipe, completed_for, examples_of
from descend.recipe import Recipe
from descend.recipe.complaints import ImpossibleRecipe
from descend.recipe.defaults import with_scales
from descend.runs.edits import seeded

SEEDS = 3


@dataclass(frozen=True)
class Check:
    """A recipe and what was found before a step. recipe: completed, where it could be."""

    name: str
    recipe: Recipe
    examination: Examination

    @property
    def findings(self) -> Any:
        """The findings, causes first."""
        return self.examination.findings

    def to_json(self) -> dict[str, Any]:
        """The document that `check --json` prints."""
        return {"name": self.name, **self.examination.to_json()}


def check(
    recipe: Recipe | Mapping[str, Any] | Path | str,
    *,
    edits: Mapping[str, Any] | None = None,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
    seeds: int = SEEDS,
) -> Check:
    """Look at recipe, examples and first weights; nothing is trained and nothing is written.

    A recipe that cannot be built is looked at as far as it goes. Raises DescendError where there is
    no recipe at all.
    """
    given, name = as_recipe(recipe, "arrays" if data is not None else None)
    given = given.edited(edits or {})
    before = [rule for rule in rules() if rule.family == "before"]
    completed, records = recorded(given, data, data_dir, seeds)
    return Check(name, completed, examine(records, before))


def recorded(
    recipe: Recipe, data: Examples | Arrays | None, data_dir: Path | str | None, seeds: int
) -> tuple[Recipe, list[Record]]:
    """The completed recipe and its records before a step, as far as these can be made."""
    recipe = with_scales(recipe)
    try:
        examples = examples_of(recipe, data, data_dir)
    except DataError as error:
        return recipe, [Record(recipe=None, problems={"data": error.message})]
    try:
        completed = completed_for(recipe, examples)
        return completed, planned(_over_seeds(completed, seeds), examples)
    except (RecipeError, NetworkError, DataError) as error:
        return recipe, _without(problems_of(error), recipe, examples, seeds)


def _without(
    problems: Mapping[str, str], recipe: Recipe, examples: Examples, seeds: int
) -> list[Record]:
    """The records of what is left of a recipe without the fields that make it impossible."""
    fields = {".".join(field.split(".")[:2]) for field in problems}
    if "training.loss" in fields:
        fields.add("training.loss_on")
    try:
        left = recipe.edited(dict.fromkeys(fields))
        records = planned(_over_seeds(completed_for(left, examples), seeds), examples)
    except DescendError:
        records = [Record(known_profile=profile_of(examples))]
    return [replace(record, problems=problems, asked=recipe) for record in records]


def _over_seeds(recipe: Recipe, seeds: int) -> list[Recipe]:
    first = recipe.training.seed
    return [seeded(recipe, seed) for seed in range(first, first + seeds)]


def problems_of(error: DescendError) -> dict[str, str]:
    """Why a recipe cannot be built, by dotted field."""
    if isinstance(error, ImpossibleRecipe):
        return {problem.field: str(problem) for problem in error.problems}
    return {"recipe": error.message}
