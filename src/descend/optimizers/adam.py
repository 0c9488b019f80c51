"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule
from descend.optimizers.step_table import StepTable

FUSED_FROM = 8192
"""Parameters of one run from which one fused call for each run beats whole-stack operations.

Measured on one CPU thread with 20 runs: 1.0 times at 8,000, 1.2 at 16,000, 2.6 at 26,506;
with one run 2.5 times at 269,322. It depends on nothing but the network, so a run takes the
same path in every stack.
"""


def rate(beta1: float, beta2: float, step: int) -> float:
    """√(1 - β₂ᵗ) / (1 - β₁ᵗ): the factor on lr that stands for both bias corrections."""
    return math.sqrt(1 - beta2**step) / (1 - beta1**step)


def floor(eps: float, beta2: float, step: int) -> float:
    """ε·√(1 - β₂ᵗ): the ε that belongs to √v without its correction."""
    return eps * math.sqrt(1 - beta2**step)


class Calls(NamedTuple):
    """Calls of torch's fused kernel for one theta and gradient; counter: the steps so far."""

    theta: Tensor
    gradient: Tensor
    counter: Tensor
    kernels: Sequence[Callable[[], object]]


class Adam(Rule):
    """θ ← θ - lr·m̂ / (√v̂ + ε): steps of about lr, whatever the gradient's scale.

    m ← β₁·m + (1 - β₁)·g,  m̂ = m / (1 - β₁ᵗ);  v ← β₂·v + (1 - β₂)·g²,  v̂ = v / (1 - β₂ᵗ).
    AMSGrad puts the largest v so far in v's place. Weight decay λ adds λ·θ to g.
    Settings: lr 1e-3, betas (0.9, 0.999), eps 1e-8, weight_decay 0; amsgrad False.

    Kingma & Ba 2015; Reddi, Kale & Kumar 2018 (AMSGrad).
    """

    name = "adam"
    memory: tuple[str, ...] = ("mean", "square")
    decoupled: ClassVar[bool] = False

    def __init__(
        self,
        theta: Float[Tensor, "runs parameters"],
        settings: Mapping[str, Tensor],
        *,
        amsgrad: bool = False,
    ) -> None:
        super().__init__(theta, settings)
        beta1, beta2 = self.numbers["betas"].chunk(2, dim=1)
        self.fused = theta.shape[1] >= FUSED_FROM
        self.mean_intake, self.square_intake = self.constant(1 - beta1), self.constant(1 - beta2)
        self.weight_decay = self.unless_zero(self.numbers["weight_decay"])
        self.rate = StepTable(self.numbers["betas"], self.dtype, rate)
        eps_and_beta2 = torch.cat([self.numbers["eps"], beta2], dim=1)
        self.floor = StepTable(eps_and_beta2, self.dtype, floor)
        self.mean, self.square = torch.zeros_like(theta), torch.zeros_like(theta)
        self.amsgrad = amsgrad
        if amsgrad:
            self.memory = ("mean", "square", "largest")
            self.largest = torch.zeros_like(theta)
        self.set_lr(self.lr)

    def set_lr(self, lr: Float[Tensor, "runs 1"]) -> None:
        super().set_lr(lr)
        self._calls: Calls | None = None
        if self.decoupled:
            self.shrink = (1 - lr.double() * self.numbers["weight_decay"]).to(self.dtype)

    def keep(self, rows: Int64[Tensor, "kept"]) -> None:
        super().keep(rows)
        self._calls = None

    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        self.steps += 1
        if self.fused:
            self._step_each_run(theta, gradient)
        else:
            self._step_all_runs(theta, gradient)

    def _step_all_runs(self, theta: Tensor, gradient: Tensor) -> None:
        """The update, with both bias corrections moved onto the (runs, 1) numbers.

        lr·m̂ / (√v̂ + ε) = (lr·c / (1 - β₁ᵗ))·m / (√v + ε·c)  with  c = √(1 - β₂ᵗ).
        """
        if self.weight_decay is not None:
            if self.decoupled:
                theta.mul_(self.shrink)
            else:
                gradient.addcmul_(theta, self.weight_decay)
        self.mean.lerp_(gradient, self.mean_intake)
        self.square.lerp_(gradient.mul_(gradient), self.square_intake)
        square = self.square
        if self.amsgrad:
            square = torch.maximum(self.largest, square, out=self.largest)
        torch.sqrt(square, out=gradient).add_(self.floor.at(self.steps))
        torch.div(self.mean, gradient, out=gradient)
        theta.addcmul_(gradient, self.lr * self.rate.at(self.steps), value=-1)

    def _step_each_run(self, theta: Tensor, gradient: Tensor) -> None:
        """The same update by torch's fused kernel: one pass over the memory instead of seven."""
        calls = self._calls
        if calls is None or calls.theta is not theta or calls.gradient is not gradient:
            calls = self._calls = self._calls_for(theta, gradient)
        calls.counter.fill_(self.steps)
        for call in calls.kernels:
            call()

    def _calls_for(self, theta: Tensor, gradient: Tensor) -> Calls:
        """One call for all runs of the same settings; they last until a learning rate changes."""
        numbers = [self.numbers[name] for name in ("betas", "eps", "weight_decay")]
        groups: dict[tuple[float, ...], list[int]] = {}
        for row, settings in enumerate(torch.cat([self.lr, *numbers], dim=1).tolist()):
            groups.setdefault(tuple(settings), []).append(row)
        kernel = torch._fused_adamw_ if self.decoupled else torch._fused_adam_
        counter = torch.zeros((), dtype=torch.float32, device=theta.device)
        tensors = [theta, gradient, self.mean, self.square]
        kernels = [
            partial(
                kernel,
                *([tensor[row] for row in rows] for tensor in tensors),
                [self.largest[row] for row in rows if self.amsgrad],
                [counter] * len(rows),
                lr=lr,
                beta1=beta1,
                beta2=beta2,
                eps=eps,
                weight_decay=weight_decay,
                amsgrad=self.amsgrad,
                maximize=False,
            )
            for (lr, beta1, beta2, eps, weight_decay), rows in groups.items()
        ]
        return Calls(theta, gradient, counter, kernels)


class AdamW(Adam):
    """Adam whose weight decay shrinks θ by 1 - lr·λ and leaves the gradient's moments alone.

    Settings as Adam's, with weight_decay 1e-2.

    Loshchilov & Hutter 2019.
    """

    name = "adamw"
    decoupled = True
