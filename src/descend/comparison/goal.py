"""Goal: the metric that decides a comparison, and the mark from which on a network has learnt."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from descend.data.examples import Examples
from descend.errors import RecipeError
from descend.recipe.names import METRICS_FOR, nearest

HIGHER_IS_BETTER = ("accuracy", "r2")
HELD_OUT = ("validation", "test", "train")  # the first of these that there is decides


@dataclass(frozen=True)
class Goal:
    """metric: what variants are compared by; mark: the value of `mark_metric` to be reached.

    Without a mark of the user's the task sets one: half of the way from the best constant answer to
    a perfect one, which is (1 + share of the largest class) / 2 for an accuracy and ½ for r². Where
    nothing is held out, as for gates, all answers must be right.
    """

    metric: str
    mark_metric: str
    mark: float

    @property
    def higher_is_better(self) -> bool:
        return is_higher_better(self.metric)

    @property
    def mark_is_least(self) -> bool:
        """Whether the mark is to be reached from below, as that of an accuracy is."""
        return is_higher_better(self.mark_metric)

    def is_reached(self, value: float) -> bool:
        """Whether a value of `mark_metric` is as good as the mark; NaN never is."""
        return value >= self.mark if self.mark_is_least else value <= self.mark

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have to be evaluated while training."""
        names = (self.metric, self.mark_metric)
        return tuple(dict.fromkeys(name.partition("/")[0] for name in names))


def is_higher_better(metric: str) -> bool:
    """Whether more of a metric is better: of an accuracy and of r², not of a loss or an error."""
    return metric.partition("/")[2] in HIGHER_IS_BETTER


def goal_of(examples: Examples, metric: str | None = None, target: float | None = None) -> Goal:
    """The goal of a comparison on these examples; metric and target where the user chose them."""
    known = METRICS_FOR[examples.task]
    if metric is None:
        split = next(name for name in HELD_OUT if name in examples.splits)
        metric = f"{split}/{known[1]}"
    names = [f"{split}/{name}" for split in HELD_OUT if split in examples.splits for name in known]
    if metric not in names:
        close = nearest(metric, names)
        raise RecipeError(
            f"`metric` must be one of {', '.join(names)} for these examples: {metric!r}",
            hint=f"did you mean {close!r}?" if close else None,
        )
    if target is not None:
        return Goal(metric, metric, target)
    split = metric.partition("/")[0]
    if "r2" in known:
        return Goal(metric, f"{split}/r2", 0.5)
    mark = 1.0 if len(examples.splits) == 1 else (1 + constant_accuracy(examples)) / 2
    return Goal(metric, f"{split}/accuracy", mark)


def constant_accuracy(examples: Examples) -> float:
    """The accuracy of the best answer that ignores the inputs, on the training part."""
    y = examples.train.y
    if y.dtype == torch.int64:
        return float(torch.bincount(y.flatten()).max()) / y.numel()
    yes = y.double().mean(dim=0)
    return float(torch.maximum(yes, 1 - yes).mean())
