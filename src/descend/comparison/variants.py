"""Variants: the recipes that a comparison compares, completed, or the reason why one cannot be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from descend.comparison.cost import steps_of
from descend.comparison.goal import Goal, goal_of
from descend.comparison.values import identity
from descend.data.examples import Examples
from descend.errors import DataError, DescendError, NetworkError, RecipeError
from descend.intake import Arrays, completed_for, examples_of
from descend.network.architecture import architecture_of
from descend.network.losses import LOSSES
from descend.recipe import Recipe
from descend.recipe.complaints import ImpossibleRecipe
from descend.recipe.defaults import with_scales
from descend.training.agreement import evaluated_splits
from descend.training.pretraining import machines_of
from descend.training.targets import check_outputs

Edits = Mapping[str, Any]

IMPOSSIBLE = (RecipeError, DataError, NetworkError)


@dataclass(frozen=True)
class Variant:
    """One choice among those compared: its name, its edits, and the completed recipe.

    recipe: None where no such network can be built; reason: then, why.
    """

    name: str
    edits: Mapping[str, Any]
    recipe: Recipe | None
    steps_per_epoch: int = 0
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        tree = None if self.recipe is None else self.recipe.tree()
        return {**vars(self), "edits": dict(self.edits), "recipe": tree}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Variant:
        tree = document["recipe"]
        return cls(**{**document, "recipe": None if tree is None else Recipe.of(tree)})


class Builder:
    """Completes recipes for one comparison: all from the same examples, evaluated for its goal."""

    def __init__(
        self,
        data: Examples | Arrays | None,
        data_dir: Path | str | None,
        metric: str | None = None,
        target: float | None = None,
    ) -> None:
        self.data, self.data_dir = data, data_dir
        self.metric, self.target = metric, target
        self.goal: Goal | None = None
        self.examples: Examples | None = None
        self.of_first = ""
        self.loaded: dict[str, Examples] = {}

    def build(self, base: Recipe, named: Sequence[tuple[str, Edits]]) -> list[Variant]:
        """A variant for each name and its edits of the base; one that cannot be has its reason.

        Raises where none can be built, or where a value is none of its field at all: that is a slip
        and no variant. RecipeError also where two variants do not learn from the same examples:
        their seeds would not be pairs.
        """
        variants = []
        errors: dict[int, DescendError] = {}
        for place, (name, edits) in enumerate(named):
            try:
                variants.append(self.built(name, edits, base.edited(edits)))
            except UnlikeExamples:
                raise
            except IMPOSSIBLE as error:
                errors[place] = error
                variants.append(Variant(name, edits, None, reason=error.message))
        _check_values(base, named, errors)
        return variants

    def built(self, name: str, edits: Mapping[str, Any], recipe: Recipe) -> Variant:
        """The variant of an edited recipe; raises one of IMPOSSIBLE where it cannot be built."""
        completed = self._completed(name, recipe)
        steps = steps_of(completed, self.examples_of(completed))[0]
        return Variant(name, edits, completed, steps)

    def examples_of(self, recipe: Recipe) -> Examples:
        """The examples of a variant, prepared as it asks."""
        key = recipe.data.model_dump_json()
        if key not in self.loaded:
            self.loaded[key] = examples_of(recipe, self.data, self.data_dir)
        return self.loaded[key]

    def _completed(self, name: str, recipe: Recipe) -> Recipe:
        recipe = with_scales(recipe)
        examples = self.examples_of(recipe)
        self._check_alike(name, examples)
        if self.goal is None:
            self.goal = goal_of(examples, self.metric, self.target)
        completed = completed_for(recipe, examples)
        seen = dict.fromkeys([*(completed.training.evaluate or ()), *self.goal.splits])
        completed = completed.edited({"training.evaluate": list(seen)})
        self.loaded[completed.data.model_dump_json()] = examples
        check(completed, examples)
        return completed

    def _check_alike(self, name: str, examples: Examples) -> None:
        if self.examples is None:
            self.examples, self.of_first = examples, name
        elif examples.task != self.examples.task:
            raise UnlikeExamples(
                "variants must have one task, or no metric is that of all: "
                f"{name!r} is {examples.task}, {self.of_first!r} {self.examples.task}"
            )
        elif examples.fingerprint != self.examples.fingerprint:
            raise UnlikeExamples(
                "variants must learn from the same examples, or their seeds are no pairs: "
                f"those of {name!r} differ from those of {self.of_first!r}",
                hint="compare on each set of examples by itself; `data.scale` may vary",
            )


def _check_values(
    base: Recipe, named: Sequence[tuple[str, Edits]], errors: Mapping[int, DescendError]
) -> None:
    """Raise the error of the first value that is impossible whatever else varies."""
    possible = {
        (field, identity(value))
        for place, (_, edits) in enumerate(named)
        if place not in errors
        for field, value in edits.items()
    }
    for place, error in errors.items():
        edits = named[place][1]
        if len(errors) == len(named) or any(
            (field, identity(value)) not in possible
            and is_about(error, field)
            and not _is_possible(base, field, value)
            for field, value in edits.items()
        ):
            raise error


def _is_possible(base: Recipe, field: str, value: Any) -> bool:
    """Whether a field may have this value, as far as can be said without examples."""
    try:
        base.edited({field: value})
    except RecipeError:
        return False
    return True


def is_about(error: DescendError, field: str) -> bool:
    """Whether a recipe is impossible because of what this field says."""
    return isinstance(error, ImpossibleRecipe) and any(
        f"{problem.field}.".startswith(f"{field}.") for problem in error.problems
    )


def check(recipe: Recipe, examples: Examples) -> None:
    """Raise what training this completed recipe would raise, without making a network."""
    training = recipe.training
    assert training.loss and training.loss_on
    machines_of(architecture_of(recipe, examples.features))
    check_outputs(examples, recipe, LOSSES[training.loss, training.loss_on]())
    evaluated_splits(recipe, examples)


class UnlikeExamples(RecipeError):
    """Two variants learn from different examples, or something else from them."""
