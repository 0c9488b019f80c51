"""Forks: short trainings from the same beginning with one thing changed, as one stack."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from descend.comparison.cost import steps_of, work_seconds
from descend.data.examples import Examples
from descend.diagnosis.watching import Quiet, measured_densely
from descend.findings.fork import Fork
from descend.recipe import Recipe
from descend.training.training import Training

FACTORS = {
    "lr / 100": 0.01,
    "lr / 10": 0.1,
    "lr / 3": 1 / 3,
    "lr * 3": 3.0,
    "lr * 10": 10.0,
    "lr * 100": 100.0,
}
RELAXED = "no regularisation"
WITHOUT = {  # what may hold a network back
    "network.dropout": 0.0,
    "network.l1": 0.0,
    "network.l2": 0.0,
    "training.weight_decay": 0.0,
}
NOT_FORKED = ("lbfgs", "rprop")  # rules that choose the length of a step themselves

MOST_SECONDS = 10.0  # of a CPU, as planned
FEWEST = ("lr / 10", "lr * 10")

ByRun = list[dict[str, Fork]]
Changes = Mapping[str, Mapping[str, Any]]


def fork(
    recipes: Sequence[Recipe],
    examples: Examples,
    steps: int,
    device: Any = "cpu",
    stop: Callable[[], bool] = lambda: False,
) -> ByRun:
    """The forks of each recipe, by what was changed; none where there is nothing to change.

    Of large networks those of the first seed only, or only a few of these.
    """
    found: ByRun = [{} for _ in recipes]
    changes = changes_of(recipes[0])
    if not changes:
        return found
    changes, runs = affordable(changes, recipes, examples, steps)
    changed = [recipe.edited(edits) for edits in changes.values() for recipe in recipes[:runs]]
    training = Training(changed, examples, device)
    measured_densely(training, steps)
    training.run(Quiet(stop), until=steps)
    steps_taken = np.array(training.trace.steps, dtype=np.int64)
    present = training.trace.present.numpy()
    losses = training.trace.losses.double().numpy()
    for place, change in enumerate(changes):
        for run in range(runs):
            row = place * runs + run
            there = present[:, row]
            found[run][change] = Fork(
                steps=steps_taken[there], losses=losses[there, row], status=training.status[row]
            )
    return found


def affordable(
    changes: Changes, recipes: Sequence[Recipe], examples: Examples, steps: int
) -> tuple[Changes, int]:
    """The forks that are worth their work, and of how many of the recipes."""
    total = steps_of(recipes[0], examples)[1]

    def is_cheap(runs: int) -> bool:
        return work_seconds(recipes[0], examples, runs) * steps <= MOST_SECONDS * total

    if is_cheap(len(changes) * len(recipes)):
        return changes, len(recipes)
    if is_cheap(len(changes)):
        return changes, 1
    return {name: edits for name, edits in changes.items() if name in FEWEST}, 1


def changes_of(recipe: Recipe) -> Changes:
    """The edits of each fork, by name."""
    training = recipe.training
    if not training.lr or training.optimizer in NOT_FORKED:
        return {}
    longest = 1.0 if training.optimizer == "sparse_adam" else np.inf
    changes: dict[str, Mapping[str, Any]] = {
        name: {"training.lr": training.lr * factor}
        for name, factor in FACTORS.items()
        if training.lr * factor < longest
    }
    if relaxed := relaxation_of(recipe):
        changes[RELAXED] = relaxed
    return changes


def relaxation_of(recipe: Recipe) -> dict[str, Any]:
    """The edits that take all regularisation away; none where there is none."""
    network, edits = recipe.network, {}
    for field, nothing in WITHOUT.items():
        table, _, name = field.partition(".")
        if getattr(getattr(recipe, table), name):
            edits[field] = nothing
    for place, layer in enumerate(network.layers or ()):
        for name in ("dropout", "l1", "l2"):
            if getattr(layer, name):
                edits[f"network.layers.{place}.{name}"] = 0.0
    return edits
