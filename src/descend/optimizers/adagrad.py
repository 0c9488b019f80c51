"""Adagrad."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule
from descend.optimizers.step_table import StepTable


class Adagrad(Rule):
    """θ ← θ - lrₜ·g / (√s + ε): steps shrink where gradients have been large.

    s ← s + g², from `initial_accumulator_value`;  lrₜ = lr / (1 + (t - 1)·lr_decay).
    Weight decay λ adds λ·θ to g.
    Settings: lr 1e-2, lr_decay 0, weight_decay 0, initial_accumulator_value 0, eps 1e-10.

    Duchi, Hazan & Singer 2011.
    """

    name = "adagrad"
    memory = ("total",)

    def __init__(
        self, theta: Float[Tensor, "runs parameters"], settings: Mapping[str, Tensor]
    ) -> None:
        super().__init__(theta, settings)
        self.eps = self.constant(self.numbers["eps"])
        self.weight_decay = self.unless_zero(self.numbers["weight_decay"])
        lr_decay = self.numbers["lr_decay"]
        self.slows_down = bool(lr_decay.any())
        self.rate = StepTable(
            lr_decay, self.dtype, lambda decay, step: 1 / (1 + (step - 1) * decay)
        )
        initial = self.constant(self.numbers["initial_accumulator_value"])
        self.total = initial.repeat(1, theta.shape[1])
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
        self.total.addcmul_(gradient, gradient)
        gradient.div_(torch.sqrt(self.total, out=self.scratch).add_(self.eps))
        lr = self.lr * self.rate.at(self.steps) if self.slows_down else self.lr
        theta.addcmul_(gradient, lr, value=-1)
