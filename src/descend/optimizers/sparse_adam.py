"""Adam that leaves alone what the batch does not contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from descend.optimizers.adam import rate
from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule
from descend.optimizers.step_table import StepTable


class SparseAdam(Rule):
    """Adam in which the weights of an absent input feature, and their moments, stand still.

    Meant for one-hot and bag-of-features inputs. The first layer's weights (fan_in, fan_out) lie
    row-major at the start of theta, one row for each input feature. A feature that is 0 in every
    example of the batch gives its row a gradient of exactly 0: the row counts as absent, where
    plain Adam would keep moving it by its old momentum and let its moments fade.
    All other parameters are always present. The bias corrections count all steps.

    θ ← θ - lr·√(1 - β₂ᵗ) / (1 - β₁ᵗ) · m / (√v + ε): unlike Adam's, this ε is not corrected.
    `sparse_rows` is (fan_in, fan_out) of the first layer; without it nothing is sparse.
    Settings: lr 1e-3, betas (0.9, 0.999), eps 1e-8.

    Kingma & Ba 2015; `torch.optim.SparseAdam`.
    """

    name = "sparse_adam"
    is_elementwise = False
    memory = ("mean", "square")

    def __init__(
        self,
        theta: Float[Tensor, "runs parameters"],
        settings: Mapping[str, Tensor],
        *,
        sparse_rows: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(theta, settings)
        beta1, beta2 = self.numbers["betas"].chunk(2, dim=1)
        self.sparse_rows = sparse_rows or (0, 0)
        self.mean_intake, self.square_intake = self.constant(1 - beta1), self.constant(1 - beta2)
        self.eps = self.constant(self.numbers["eps"])
        self.rate = StepTable(self.numbers["betas"], self.dtype, rate)
        self.mean, self.square = torch.zeros_like(theta), torch.zeros_like(theta)

    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        self.steps += 1
        whole = (theta, gradient, self.mean, self.square)
        lr = self.lr * self.rate.at(self.steps)
        pace = Pace(self.mean_intake, self.square_intake, lr, self.eps)
        fan_in, fan_out = self.sparse_rows
        sparse = fan_in * fan_out
        if sparse:
            first = [part[:, :sparse].view(-1, fan_in, fan_out) for part in whole]
            _advance(first, pace.where(_present(first[1])))
        _advance([part[:, sparse:] for part in whole], pace)


class Pace(NamedTuple):
    """How fast moments and parameters move, of shape (runs, 1) or (runs, fan_in, 1)."""

    mean_intake: Tensor
    square_intake: Tensor
    lr: Tensor
    eps: Tensor

    def where(self, present: Float[Tensor, "runs fan_in 1"]) -> Pace:
        """The same pace for the present rows, and none for the absent ones."""
        mean, square, lr, eps = (number.unsqueeze(-1) for number in self)
        return Pace(mean * present, square * present, lr * present, eps)


def _present(gradient: Float[Tensor, "runs fan_in fan_out"]) -> Float[Tensor, "runs fan_in 1"]:
    """1 for the rows that the batch contains, 0 for the absent ones."""
    largest: Tensor = torch.linalg.vector_norm(gradient, ord=torch.inf, dim=2, keepdim=True)
    return (largest != 0).to(gradient.dtype)


def _advance(parts: Sequence[Tensor], pace: Pace) -> None:
    """One step; where the pace is 0, no bit changes."""
    theta, gradient, mean, square = parts
    mean.lerp_(gradient, pace.mean_intake)
    square.lerp_(gradient.mul_(gradient), pace.square_intake)
    torch.sqrt(square, out=gradient).add_(pace.eps)
    torch.div(mean, gradient, out=gradient)
    theta.addcmul_(gradient, pace.lr, value=-1)
