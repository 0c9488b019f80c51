"""Adamax."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule
from descend.optimizers.step_table import StepTable


class Adamax(Rule):
    """θ ← θ - lr·m̂ / u: Adam with a decaying maximum in the place of the mean square.

    m ← β₁·m + (1 - β₁)·g,  m̂ = m / (1 - β₁ᵗ);  u ← max(β₂·u, |g| + ε).
    Weight decay λ adds λ·θ to g.
    Settings: lr 2e-3, betas (0.9, 0.999), eps 1e-8, weight_decay 0.

    Kingma & Ba 2015, section 7.1.
    """

    name = "adamax"
    memory = ("mean", "largest")

    def __init__(
        self, theta: Float[Tensor, "runs parameters"], settings: Mapping[str, Tensor]
    ) -> None:
        super().__init__(theta, settings)
        beta1, beta2 = self.numbers["betas"].chunk(2, dim=1)
        self.mean_intake, self.decay = self.constant(1 - beta1), self.constant(beta2)
        self.eps = self.constant(self.numbers["eps"])
        self.weight_decay = self.unless_zero(self.numbers["weight_decay"])
        self.rate = StepTable(beta1, self.dtype, lambda beta1, step: 1 / (1 - beta1**step))
        self.mean, self.largest = torch.zeros_like(theta), torch.zeros_like(theta)

    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        self.steps += 1
        if self.weight_decay is not None:
            gradient.addcmul_(theta, self.weight_decay)
        self.mean.lerp_(gradient, self.mean_intake)
        size = gradient.abs_().add_(self.eps)
        torch.maximum(self.largest.mul_(self.decay), size, out=self.largest)
        torch.div(self.mean, self.largest, out=gradient)
        theta.addcmul_(gradient, self.lr * self.rate.at(self.steps), value=-1)
