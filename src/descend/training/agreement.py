"""Agreement: what the runs of one stack must have in common, and what must suit the examples."""

from __future__ import annotations

from collections.abc import Sequence

from descend.data.examples import Examples
from descend.errors import RecipeError
from descend.recipe import Recipe
from descend.training.evaluation import METRICS

# All else may differ from run to run: seeds, rates of learning, dropout and penalties, settings of
# the optimizer, schedules, limits of the gradient, initialisers.
SHARED = (
    *("loss", "loss_on", "reduction", "class_weights", "optimizer", "dtype"),
    *("batch_size", "shuffle", "drop_last", "epochs", "steps"),
    *("evaluate", "evaluate_every", "early_stopping", "measure_every", "measure_first"),
)


def check_agreement(recipes: Sequence[Recipe]) -> None:
    """Raise RecipeError where recipes differ in what a stack has once for all its runs."""
    first = recipes[0].training
    for recipe in recipes[1:]:
        if recipe.training == first:
            continue
        for name in SHARED:
            if (given := getattr(recipe.training, name)) != getattr(first, name):
                raise RecipeError(
                    f"`training.{name}` must be the same for all runs of a stack: "
                    f"{getattr(first, name)!r} and {given!r}",
                    hint="runs that differ in it belong into separate stacks",
                )


def evaluated_splits(recipe: Recipe, examples: Examples) -> tuple[str, ...]:
    """The splits that are scored after epochs: those asked for, and those that decide something."""
    rule, schedule = recipe.training.early_stopping, recipe.training.schedule
    splits = list(recipe.training.evaluate or ())
    if schedule is not None and schedule.name == "plateau" and examples.validation is not None:
        splits.append("validation")
    if rule is not None:
        split, _, metric = rule.metric.partition("/")
        known = METRICS[examples.task].names
        if metric not in known:
            raise RecipeError(
                f"`training.early_stopping.metric` must be {split}/ and one of "
                f"{', '.join(known)} for the task {examples.task}: {rule.metric!r}"
            )
        splits.append(split)
    for split in splits:
        examples.split(split)  # raises DataError with the names that exist
    return tuple(dict.fromkeys(splits))
