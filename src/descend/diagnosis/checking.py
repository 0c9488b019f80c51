"""Checking: what is wrong with a recipe before a single step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from descend.data.examples import Examples
from descend.diagnosis.examination import Examination, examine
from descend.diagnosis.mending import remedy_for
from descend.diagnosis.profiling import profile_of
from descend.diagnosis.recording import planned
from descend.errors import DataError, DescendError, NetworkError, RecipeError
from descend.findings.finding import Remedy
from descend.findings.record import Impossibility, Record
from descend.findings.rule import rules
from descend.intake import Arrays, as_asked, completed_for, examples_of
from descend.recipe import Recipe
from descend.recipe.asked import Asked, left_open
from descend.recipe.complaints import ImpossibleRecipe, Problem
from descend.recipe.defaults import with_scales
from descend.runs.edits import seeded

SEEDS = 3
ROUNDS = 4  # of leaving open what is impossible: one fault can hide another


@dataclass(frozen=True)
class Check:
    """A recipe and what was found before a step. recipe: completed, where it could be."""

    name: str
    recipe: Recipe
    examination: Examination

    def __str__(self) -> str:
        return str(self.examination)

    def __repr__(self) -> str:
        return f"<Check of {self.name}: {self.examination.in_short}>"

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
    asked, name = as_asked(recipe, edits or {}, "arrays" if data is not None else None)
    before = [rule for rule in rules() if rule.family == "before"]
    completed, records = recorded(asked, data, data_dir, seeds)
    return Check(name, completed, examine(records, before))


def recorded(
    asked: Asked, data: Examples | Arrays | None, data_dir: Path | str | None, seeds: int
) -> tuple[Recipe, list[Record]]:
    """The completed recipe and its records before a step, as far as these can be made."""
    recipe = with_scales(asked.recipe)
    try:
        examples = examples_of(recipe, data, data_dir)
    except DataError as error:
        faults = {**_faults(asked.problems, asked, None), "data": _other(error)}
        return recipe, [Record(problems=faults, asked=asked.tree)]
    faults = _faults(asked.problems, asked, examples)
    records = [Record(known_profile=profile_of(examples))]
    for _ in range(ROUNDS):
        try:
            completed = completed_for(recipe, examples)
            records = planned(_over_seeds(completed, seeds), examples)
        except ImpossibleRecipe as error:
            faults = _faults(error.problems, asked, examples) | faults
            recipe = recipe.edited(left_open(error.problems) | _on(error.problems))
        except (RecipeError, NetworkError, DataError) as error:
            faults["recipe"] = _other(error)
            break
        else:
            recipe = completed
            break
    if not faults:
        return recipe, records
    return recipe, [replace(record, problems=faults, asked=asked.tree) for record in records]


def _faults(
    problems: Sequence[Problem], asked: Asked, examples: Examples | None
) -> dict[str, Impossibility]:
    """Why a recipe cannot be built, by dotted field, and what mends it."""
    return {
        problem.field: Impossibility(str(problem), remedy_for(problem, asked, examples))
        for problem in problems
    }


def _on(problems: Sequence[Problem]) -> dict[str, None]:
    """What a loss that is left open takes the outputs for is open, too."""
    is_loss = any(problem.field == "training.loss" for problem in problems)
    return {"training.loss_on": None} if is_loss else {}


def _other(error: DescendError) -> Impossibility:
    return Impossibility(error.message, Remedy({}, error.hint) if error.hint else None)


def _over_seeds(recipe: Recipe, seeds: int) -> list[Recipe]:
    first = recipe.training.seed
    return [seeded(recipe, seed) for seed in range(first, first + seeds)]
