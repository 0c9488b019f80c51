"""EarlyStopping: runs end when a metric no longer improves, with the best weights they had."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from descend.network.stack import Stack
from descend.recipe import EarlyStopping as Rule

FALLS = ("loss", "rmse", "mae")  # metrics that are better when smaller
MEMORY = ("best", "waited", "theta", "statistics")


class EarlyStopping:
    """Each run's best value of the rule's metric, its weights then, and the evaluations since.

    Prechelt 1998, with patience: a run ends after `patience` evaluations without an improvement of
    more than `min_delta`. One that was never evaluated, or never to a number, keeps its weights.
    """

    def __init__(self, rule: Rule, stack: Stack) -> None:
        self.rule = rule
        self.sign = 1.0 if rule.metric.rpartition("/")[2] in FALLS else -1.0
        runs = stack.runs
        self.best = torch.full((runs,), torch.inf, dtype=torch.float64)
        self.waited = torch.zeros(runs, dtype=torch.int64)
        self.theta, self.statistics = stack.theta.clone(), stack.statistics.clone()

    def update(self, metric: Float[Tensor, " runs"], stack: Stack) -> Bool[Tensor, " runs"]:
        """Take each run's metric; True for the runs that have waited long enough."""
        value = metric.double().cpu() * self.sign
        is_better = value < self.best - self.rule.min_delta
        self.best = torch.where(is_better, value, self.best)
        self.waited = torch.where(is_better, 0, self.waited + 1)
        rows = is_better.nonzero().flatten().to(stack.theta.device)
        self.theta[rows] = stack.theta[rows]
        self.statistics[rows] = stack.statistics[rows]
        return self.waited >= self.rule.patience

    def restore(self, stack: Stack, rows: Int64[Tensor, " rows"]) -> None:
        """Give these runs of the stack the best weights they had."""
        rows = rows[self.best[rows].isfinite()].to(stack.theta.device)
        stack.theta[rows] = self.theta[rows]
        stack.statistics[rows] = self.statistics[rows]

    def keep(self, rows: Int64[Tensor, " kept"]) -> None:
        """Only these runs go on."""
        for name in MEMORY:
            values = getattr(self, name)
            setattr(self, name, values[rows.to(values.device)])

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue."""
        return {name: getattr(self, name) for name in MEMORY}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` was taken."""
        for name in MEMORY:
            setattr(self, name, state[name].to(getattr(self, name).device, copy=True))
