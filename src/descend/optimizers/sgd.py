"""Stochastic gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule


class SGD(Rule):
    """θ ← θ - lr·g; with momentum μ, θ ← θ - lr·b where b ← μ·b + (1 - dampening)·g.

    b starts as the first gradient. Nesterov: θ ← θ - lr·(g + μ·b).
    Weight decay λ adds λ·θ to g.
    Settings: lr 1e-3, momentum 0, dampening 0, weight_decay 0; nesterov False.

    Robbins & Monro 1951; Polyak 1964; Sutskever et al. 2013.
    """

    name = "sgd"

    def __init__(
        self,
        theta: Float[Tensor, "runs parameters"],
        settings: Mapping[str, Tensor],
        *,
        nesterov: bool = False,
    ) -> None:
        super().__init__(theta, settings)
        momentum = self.numbers["momentum"]
        # torch ignores the dampening of a run without momentum
        dampening = torch.where(momentum == 0, 0, self.numbers["dampening"])
        self.nesterov = nesterov
        self.weight_decay = self.unless_zero(self.numbers["weight_decay"])
        self.momentum = self.unless_zero(momentum)
        self.intake = self.constant(1 - dampening) if bool(dampening.any()) else None
        if self.momentum is not None:
            self.memory = ("buffer",)
            self.buffer = torch.zeros_like(theta)

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
        if self.momentum is not None:
            gradient = self._with_momentum(gradient, self.momentum)
        theta.addcmul_(gradient, self.lr, value=-1)

    def _with_momentum(self, gradient: Tensor, momentum: Tensor) -> Tensor:
        if self.steps == 1:
            self.buffer.copy_(gradient)
        elif self.intake is None:
            torch.addcmul(gradient, self.buffer, momentum, out=self.buffer)
        else:
            self.buffer.mul_(momentum).addcmul_(gradient, self.intake)
        return gradient.addcmul_(self.buffer, momentum) if self.nesterov else self.buffer
