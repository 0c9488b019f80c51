"""Adadelta."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule


class Adadelta(Rule):
    """θ ← θ - lr·δ,  δ = g·√(d + ε) / √(s + ε): the step takes its unit from past steps.

    s ← ρ·s + (1 - ρ)·g²;  d ← ρ·d + (1 - ρ)·δ², after the step. Weight decay λ adds λ·θ to g.
    Settings: lr 1, rho 0.9, eps 1e-6, weight_decay 0.

    Zeiler 2012.
    """

    name = "adadelta"
    memory = ("square", "moved")

    def __init__(
        self, theta: Float[Tensor, "runs parameters"], settings: Mapping[str, Tensor]
    ) -> None:
        super().__init__(theta, settings)
        self.eps = self.constant(self.numbers["eps"])
        self.intake = self.constant(1 - self.numbers["rho"])
        self.weight_decay = self.unless_zero(self.numbers["weight_decay"])
        self.square, self.moved = torch.zeros_like(theta), torch.zeros_like(theta)
        self.scratch = torch.empty_like(theta)

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
        self.square.lerp_(torch.mul(gradient, gradient, out=self.scratch), self.intake)
        gradient.div_(torch.add(self.square, self.eps, out=self.scratch).sqrt_())
        gradient.mul_(torch.add(self.moved, self.eps, out=self.scratch).sqrt_())
        theta.addcmul_(gradient, self.lr, value=-1)
        self.moved.lerp_(gradient.mul_(gradient), self.intake)
