"""Resilient backpropagation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule


class Rprop(Rule):
    """θ ← θ - Δ·sign(g): only the gradient's sign counts, each parameter has its own step Δ.

    Where g kept its sign, Δ ← min(η⁺·Δ, Δmax). Where it turned, Δ ← max(η⁻·Δ, Δmin), the
    parameter rests, and its gradient counts as 0 at the next step.
    Δ starts as lr; like torch's, the rule does not look at lr after the first step.
    Settings: lr 1e-2, etas (0.5, 1.2), step_sizes (1e-6, 50). For full batches.

    Riedmiller & Braun 1993.
    """

    name = "rprop"
    memory = ("previous", "size")

    def __init__(
        self, theta: Float[Tensor, "runs parameters"], settings: Mapping[str, Tensor]
    ) -> None:
        super().__init__(theta, settings)
        self.shrink, self.grow = self.constant(self.numbers["etas"]).chunk(2, dim=1)
        self.smallest, self.largest = self.constant(self.numbers["step_sizes"]).chunk(2, dim=1)
        self.same = torch.ones_like(self.grow)
        self.previous, self.size = torch.zeros_like(theta), torch.zeros_like(theta)
        self.turned = torch.zeros_like(theta, dtype=torch.bool)
        self.kept = torch.zeros_like(self.turned)

    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        self.steps += 1
        if self.steps == 1:
            self.size.copy_(self.lr.expand_as(theta))
        agreement = factor = self.previous.mul_(gradient)
        torch.lt(agreement, 0, out=self.turned)
        torch.gt(agreement, 0, out=self.kept)
        torch.where(self.kept, self.grow, self.same, out=factor)
        torch.where(self.turned, self.shrink, factor, out=factor)
        torch.clamp(self.size.mul_(factor), self.smallest, self.largest, out=self.size)
        self.previous.copy_(gradient.masked_fill_(self.turned, 0))
        theta.addcmul_(gradient.sign_(), self.size, value=-1)
