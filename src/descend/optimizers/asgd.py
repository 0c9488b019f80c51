"""Averaged stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule


class ASGD(Rule):
    """θ ← (1 - λη)·θ - η·g, and the average of θ over the steps from t₀ on in `average`.

    η is lr at the first step and lr / (1 + λ·lr·t)^α after step t.
    average ← average + μ·(θ - average) with μ = 1 / max(1, t - 1 - t₀): until then it is θ.
    Weight decay adds weight_decay·θ to g.
    Settings: lr 1e-2, lambd (λ) 1e-4, alpha 0.75, t0 1e6, weight_decay 0.

    Polyak & Juditsky 1992; Bottou 2010.
    """

    name = "asgd"
    memory = ("average", "eta")

    def __init__(
        self, theta: Float[Tensor, "runs parameters"], settings: Mapping[str, Tensor]
    ) -> None:
        super().__init__(theta, settings)
        self.lambd = self.constant(self.numbers["lambd"])
        self.exponent = self.constant(-self.numbers["alpha"])
        self.weight_decay = self.unless_zero(self.numbers["weight_decay"])
        self.first_start = float(self.numbers["t0"].min())
        self.average = torch.zeros_like(theta)
        self.eta = self.lr.clone()
        self.set_lr(self.lr)

    def set_lr(self, lr: Float[Tensor, "runs 1"]) -> None:
        super().set_lr(lr)
        self.slowing = self.lambd * self.lr
        if self.steps == 0:
            self.eta.copy_(self.lr)

    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        if self.weight_decay is not None:
            gradient.addcmul_(theta, self.weight_decay)
        theta.mul_(1 - self.lambd * self.eta).addcmul_(gradient, self.eta, value=-1)
        self._take_average(theta)
        self.steps += 1
        slower = (self.slowing * self.steps).add_(1).pow_(self.exponent)
        self.eta = self.lr * slower

    def _take_average(self, theta: Tensor) -> None:
        if self.steps - self.first_start <= 1:
            self.average.copy_(theta)
        else:
            weight = 1 / (self.steps - self.numbers["t0"]).clamp_(min=1)
            self.average.lerp_(theta, weight.to(self.dtype))
