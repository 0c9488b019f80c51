"""Losses: how wrong the outputs are, value by value, and the slope of that by hand.

`values(outputs, y)` has a value for each target, `slopes(outputs, y)` the derivative of each by the
outputs; `Objective` makes one number for each run of them.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Outputs = Float[Tensor, "runs batch outputs"]
Targets = Tensor  # (runs, batch, outputs), or class indices (runs, batch)

TINY = 1e-12  # torch's bound on p (1 - p) in the slope of the cross-entropy of probabilities
LOG_ZERO = -100.0  # torch's bound on ln p in its value


@runtime_checkable
class Loss(Protocol):
    """One value for each target, and its slope."""

    counts_classes: bool  # targets are class indices, not numbers

    def values(self, outputs: Outputs, y: Targets) -> Tensor: ...

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs: ...


class MSE:
    """(o - y)²."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return torch.sub(outputs, y).square_()

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        return torch.sub(outputs, y).mul_(2)


class L1:
    """|o - y|, with the slope 0 where they are equal."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return torch.sub(outputs, y).abs_()

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        return torch.sub(outputs, y).sign_()


class Huber:
    """½ (o - y)² where |o - y| < 1, else |o - y| - ½ (Huber 1964)."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        distance = torch.sub(outputs, y).abs_()
        near = distance.clamp(max=1)
        return distance.sub_(near / 2).mul_(near)

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        return torch.sub(outputs, y).clamp_(-1, 1)


class PoissonFromLogRate:
    """e^o - y o: minus the log-likelihood of counts y but for a constant; o is ln of the rate."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return outputs.exp().addcmul_(outputs, y, value=-1)

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        return outputs.exp().sub_(y)


class PoissonFromRate:
    """o - y ln(o + 1e-8): the same, where the output is the rate itself."""

    counts_classes = False
    epsilon = 1e-8

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return outputs - y * torch.log(outputs + self.epsilon)

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        return torch.div(y, outputs + self.epsilon).neg_().add_(1)


class BCEFromLogits:
    """ln(1 + e^o) - o y = ln(e^-oy + e^(o - oy)); the slope is σ(o) - y.

    The second form loses no digits where the output is right and far from 0.
    """

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        part = torch.mul(outputs, y)
        rest = torch.sub(outputs, part)
        return torch.logaddexp(part.neg_(), rest, out=rest)

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        return torch.sigmoid(outputs).sub_(y)


class BCEFromProbabilities:
    """-(y ln p + (1 - y) ln(1 - p)), each ln at least -100; the slope is (p - y) / (p (1 - p))."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        if outputs.is_cpu:
            try:
                return functional.binary_cross_entropy(outputs, y, reduction="none")
            except RuntimeError:  # one run's output outside [0, 1] must not end its neighbours
                pass
        return self._values_or_nan(outputs, y)

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        variance = torch.addcmul(outputs, outputs, outputs, value=-1).clamp_min_(TINY)
        return torch.sub(outputs, y).div_(variance)

    def _values_or_nan(self, outputs: Outputs, y: Targets) -> Tensor:
        """NaN where an output is no probability, which torch refuses, on a GPU for good."""
        is_probability = (outputs >= 0) & (outputs <= 1)
        values = functional.binary_cross_entropy(
            outputs.where(is_probability, 0.5), y, reduction="none"
        )
        return values.masked_fill_(~is_probability, torch.nan)


class CrossEntropyFromLogits:
    """ln Σ e^o - o_y; the slope is softmax(o) - onehot(y)."""

    counts_classes = True

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        self.log_p = torch.log_softmax(outputs, dim=-1)
        return self.log_p.gather(-1, y.unsqueeze(-1)).squeeze(-1).neg_()

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        """Follows `values` of the same outputs."""
        return self.log_p.exp_().scatter_(-1, y.unsqueeze(-1), -1.0, reduce="add")


class CrossEntropyFromProbabilities:
    """-ln p_y, at most 100; the slope is -1 / p_y at the class (finite at 0), and 0 elsewhere."""

    counts_classes = True

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        p = outputs.gather(-1, y.unsqueeze(-1)).squeeze(-1)
        return p.log_().clamp_min_(LOG_ZERO).neg_()

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        index = y.unsqueeze(-1)
        least = torch.finfo(outputs.dtype).tiny
        slope = outputs.gather(-1, index).clamp_min_(least).reciprocal_().neg_()
        return torch.zeros_like(outputs).scatter_(-1, index, slope)


class NLL:
    """-o_y, of outputs that are log-probabilities; the slope is -1 at the class."""

    counts_classes = True

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return outputs.gather(-1, y.unsqueeze(-1)).squeeze(-1).neg_()

    def slopes(self, outputs: Outputs, y: Targets) -> Outputs:
        return torch.zeros_like(outputs).scatter_(-1, y.unsqueeze(-1), -1.0)


LOSSES: dict[tuple[str, str], type[Loss]] = {
    ("mse", "logits"): MSE,
    ("l1", "logits"): L1,
    ("huber", "logits"): Huber,
    ("poisson", "logits"): PoissonFromLogRate,
    ("poisson", "probabilities"): PoissonFromRate,
    ("bce", "logits"): BCEFromLogits,
    ("bce", "probabilities"): BCEFromProbabilities,
    ("cross_entropy", "logits"): CrossEntropyFromLogits,
    ("cross_entropy", "probabilities"): CrossEntropyFromProbabilities,
    ("nll", "logits"): NLL,
}


class Objective:
    """The number that each run makes small: its loss over a batch, weighted by example.

    L = Σ w v / (outputs Σ w) over all values v of a batch, w = 1 where nothing is weighted, as
    torch's `cross_entropy(weight=…)`; with `reduction = "sum"` L = Σ w v.
    """

    def __init__(self, loss: Loss, reduction: str = "mean") -> None:
        self.loss = loss
        self.is_sum = reduction == "sum"

    def value(self, outputs: Outputs, y: Targets, weight: Tensor | None = None) -> Tensor:
        """The loss of each run, (runs,); weight: (runs, batch) or None."""
        values = self.loss.values(outputs, y)
        if weight is None:
            flat = values.view(len(values), -1)
            return flat.sum(dim=1) if self.is_sum else flat.mean(dim=1)
        each = values if values.ndim == weight.ndim else _mean_or_sum(values, self.is_sum)
        total = (each * weight).sum(dim=1)
        return total if self.is_sum else total / _sum_of(weight)

    def slope(self, outputs: Outputs, y: Targets, weight: Tensor | None = None) -> Outputs:
        """dL/d outputs; follows `value` of the same outputs."""
        slopes = self.loss.slopes(outputs, y)
        count = 1 if self.loss.counts_classes else outputs.shape[2]
        if weight is None:
            return slopes if self.is_sum else slopes.mul_(1 / (outputs.shape[1] * count))
        share = weight if self.is_sum else weight / (_sum_of(weight) * count).unsqueeze(1)
        return slopes.mul_(share.unsqueeze(-1))


def _sum_of(weight: Float[Tensor, "runs batch"]) -> Float[Tensor, " runs"]:
    """More than 0, for a batch without any weight has the loss 0 and not 0 / 0."""
    return weight.sum(dim=1).clamp_min_(torch.finfo(weight.dtype).tiny)


def _mean_or_sum(values: Tensor, is_sum: bool) -> Tensor:
    return values.sum(dim=2) if is_sum else values.mean(dim=2)
