"""RMSprop."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule


class RMSprop(Rule):
    """θ ← θ - lr·g / (√v + ε),  v ← α·v + (1 - α)·g².

    Centered: v - a² in v's place, with the mean gradient a ← α·a + (1 - α)·g.
    Momentum μ: θ ← θ - lr·b,  b ← μ·b + g / (√v + ε). Weight decay λ adds λ·θ to g.
    Settings: lr 1e-2, alpha 0.99, eps 1e-8, weight_decay 0, momentum 0; centered False.

    Tieleman & Hinton 2012 (lecture 6.5); Graves 2013 (centered).
    """

    name = "rmsprop"

    def __init__(
        self,
        theta: Float[Tensor, "runs parameters"],
        settings: Mapping[str, Tensor],
        *,
        centered: bool = False,
    ) -> None:
        super().__init__(theta, settings)
        self.eps = self.constant(self.numbers["eps"])
        self.intake = self.constant(1 - self.numbers["alpha"])
        self.weight_decay = self.unless_zero(self.numbers["weight_decay"])
        self.momentum = self.unless_zero(self.numbers["momentum"])
        self.centered = centered
        self.scratch = torch.empty_like(theta)
        self.square = torch.zeros_like(theta)
        memory = ["square"]
        if centered:
            self.mean = torch.zeros_like(theta)
            memory.append("mean")
        if self.momentum is not None:
            self.buffer = torch.zeros_like(theta)
            memory.append("buffer")
        self.memory = tuple(memory)

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
        if self.centered:
            self.mean.lerp_(gradient, self.intake)
            torch.addcmul(self.square, self.mean, self.mean, value=-1, out=self.scratch).sqrt_()
        else:
            torch.sqrt(self.square, out=self.scratch)
        gradient.div_(self.scratch.add_(self.eps))
        if self.momentum is not None:
            gradient = torch.addcmul(gradient, self.buffer, self.momentum, out=self.buffer)
        theta.addcmul_(gradient, self.lr, value=-1)
