"""Results: how every network of a comparison ended, one row for each variant and seed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal, is_higher_better
from descend.comparison.rounds import PlannedStack, Round
from descend.comparison.variants import Variant
from descend.runs import files
from descend.training.history import EVALUATED_LOSS

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Result:
    """One network: where it lies, how it ended, and when it reached the mark.

    status: "finished", "diverged", "stopped early", "dropped" after a rung, "failed" with its
    stack, "interrupted" or "waiting". seconds: its share of its stacks' time.
    """

    variant: int
    seed: int
    status: str
    epochs: int = 0
    metrics: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    target_epoch: int | None = None
    target_step: int | None = None
    stack: str = ""
    run: int = 0
    reason: str = ""

    def value(self, metric: str) -> float:
        """A final metric, NaN where there is none: a network that diverged ended nowhere."""
        return math.nan if self.status == "diverged" else self.metrics.get(metric, math.nan)


def collect(
    folder: ComparisonFolder, rounds: Sequence[Round], goal: Goal, variants: Sequence[Variant]
) -> list[Result]:
    """The results so far, in the order in which variants and seeds began."""
    results: dict[tuple[int, int], Result] = {}
    for number, one in enumerate(rounds):
        is_last = number == len(rounds) - 1
        for stack in one.stacks:
            for result in _results_of(folder, stack, goal, variants, is_last):
                before = results.get((result.variant, result.seed))
                results[result.variant, result.seed] = _after(before, result)
    return list(results.values())


def matrix(
    results: Sequence[Result], variants: Sequence[int], seeds: Sequence[int], metric: str
) -> NDArray[np.float64]:
    """A final metric as (variants, seeds), NaN where a network has none."""
    values = np.full((len(variants), len(seeds)), np.nan)
    rows = {variant: row for row, variant in enumerate(variants)}
    columns = {seed: column for column, seed in enumerate(seeds)}
    for result in results:
        if result.variant in rows:
            values[rows[result.variant], columns[result.seed]] = result.value(metric)
    return values


def table(results: Sequence[Result], variants: Sequence[Variant]) -> polars.DataFrame:
    """One row for each network, a column for each metric."""
    import polars

    names = list(dict.fromkeys(name for result in results for name in result.metrics))
    columns = {
        "variant": [variants[result.variant].name for result in results],
        **{
            name: [getattr(result, name) for result in results]
            for name in ("seed", "status", "epochs")
        },
        **{name: [result.metrics.get(name, math.nan) for result in results] for name in names},
        **{
            name: [getattr(result, name) for result in results]
            for name in ("target_epoch", "target_step", "seconds", "stack", "run")
        },
    }
    types = {
        "target_epoch": polars.Int64,
        "target_step": polars.Int64,
        **dict.fromkeys(names, polars.Float64),
    }
    return polars.DataFrame(columns, schema_overrides=types)


def _results_of(
    folder: ComparisonFolder,
    stack: PlannedStack,
    goal: Goal,
    variants: Sequence[Variant],
    is_last: bool,
) -> list[Result]:
    if not folder.has_stack(stack.name):
        return [Result(variant, seed, "waiting") for variant, seed in stack.members]
    facts = folder.stack(stack.name).read_facts()
    if facts["status"] == "failed":
        return [
            Result(variant, seed, "failed", stack=stack.name, reason=facts["reason"])
            for variant, seed in stack.members
        ]
    if "runs" not in facts:
        status = facts["status"] if facts["status"] == "interrupted" else "waiting"
        return [Result(variant, seed, status, stack=stack.name) for variant, seed in stack.members]
    reached = _reached(folder, stack.name, goal)
    each = facts["seconds"] / len(stack.members)
    results = []
    for place, ((variant, seed), run) in enumerate(zip(stack.members, facts["runs"], strict=True)):
        metrics = {name: math.nan if v is None else v for name, v in run["metrics"].items()}
        status = run["status"]
        if status == "paused":
            status = "waiting" if is_last else "dropped"
        epoch = reached.get(place)
        step = None if epoch is None else epoch * variants[variant].steps_per_epoch
        results.append(
            Result(
                *(variant, seed, status, run["epochs"], metrics, each, epoch, step),
                *(stack.name, place),
            )
        )
    return results


def _reached(folder: ComparisonFolder, name: str, goal: Goal) -> dict[int, int]:
    """The first evaluated epoch in which each run of a stack was as good as the mark."""
    import polars

    curves = files.read_table(folder.stack(name).metrics)
    metric = EVALUATED_LOSS if goal.mark_metric == "train/loss" else goal.mark_metric
    if metric not in curves.columns:
        return {}
    column = polars.col(metric)
    is_reached = column >= goal.mark if is_higher_better(goal.mark_metric) else column <= goal.mark
    first = (
        curves.filter(is_reached & column.is_not_nan())
        .group_by("run")
        .agg(polars.col("epoch").min())
    )
    return {int(run): int(epoch) for run, epoch in first.iter_rows()}


def _after(before: Result | None, result: Result) -> Result:
    """A result with the time that went into the network before; a failure keeps nothing."""
    if before is None or result.status in ("failed", "waiting"):
        return result
    values: dict[str, Any] = {**vars(result), "seconds": before.seconds + result.seconds}
    return Result(**values)
