"""Losses: how wrong the outputs are, value by value, and the slope of that by hand.

`values(outputs, y)` has a value for each target, `Objective` makes one number of them for each run.
`slopes(outputs, y, share)` has the derivatives of that number by the outputs; share is what a value
counts in it, one number for all or (runs, batch, 1).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

Outputs = Float[Tensor, "runs batch outputs"]
Targets = Tensor  # (runs, batch, outputs), or class indices (runs, batch)

KERNEL_BELOW = 256  # values: torch's kernel is one operation, but takes one value after the other
bce_slope = torch.ops.aten.binary_cross_entropy_backward.default
EACH = 0  # torch's number for reduction="none"
LOG_ZERO = -100.0  # torch's bound on ln p in its value


@runtime_checkable
class Loss(Protocol):
    """One value for each target, and its slope."""

    counts_classes: bool  # targets are class indices, not numbers

    def values(self, outputs: Outputs, y: Targets) -> Tensor: ...

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs: ...


class MSE:
    """(o - y)²."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return torch.sub(outputs, y).square_()

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        return torch.sub(outputs, y).mul_(2 * share)


class L1:
    """|o - y|, with the slope 0 where they are equal."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return torch.sub(outputs, y).abs_()

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        return torch.sub(outputs, y).sign_().mul_(share)


class Huber:
    """½ (o - y)² where |o - y| < 1, else |o - y| - ½ (Huber 1964)."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        distance = torch.sub(outputs, y).abs_()
        near = distance.clamp(max=1)
        return distance.sub_(near / 2).mul_(near)

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        return torch.sub(outputs, y).clamp_(-1, 1).mul_(share)


class PoissonFromLogRate:
    """e^o - y o: minus the log-likelihood of counts y but for a constant; o is ln of the rate."""

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return outputs.exp().addcmul_(outputs, y, value=-1)

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        return outputs.exp().sub_(y).mul_(share)


class PoissonFromRate:
    """o - y ln(o + 1e-8): the same, where the output is the rate itself."""

    counts_classes = False
    epsilon = 1e-8

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return outputs - y * torch.log(outputs + self.epsilon)

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        return torch.div(y, outputs + self.epsilon).neg_().add_(1).mul_(share)


class BCEFromLogits:
    """ln(1 + e^o) - o y = ln(e^-oy + e^(o - oy)); the slope is σ(o) - y.

    The second form loses no digits where the output is right and far from 0.
    """

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        part = torch.mul(outputs, y)
        rest = torch.sub(outputs, part)
        return torch.logaddexp(part.neg_(), rest, out=rest)

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        return torch.sigmoid(outputs).sub_(y).mul_(share)


class BCEFromProbabilities:
    """-(y ln p + (1 - y) ln(1 - p)), each ln at least -100; the slope is (p - y) / (p (1 - p)).

    NaN where an output is no probability; p (1 - p) counts as 1e-12 at least, as in torch.
    """

    counts_classes = False

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        if outputs.is_cpu and outputs.numel() < KERNEL_BELOW:
            return self._values_by_kernel(outputs, y)
        log_p = torch.log(outputs).clamp_min_(LOG_ZERO)
        log_q = torch.neg(outputs).log1p_().clamp_min_(LOG_ZERO)
        return torch.lerp(log_q, log_p, y).neg_()

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        each = share.expand_as(outputs) if share.ndim else share
        slope: Outputs = bce_slope(each, outputs, y, None, EACH)
        return slope

    def _values_by_kernel(self, outputs: Outputs, y: Targets) -> Tensor:
        """The same, by the kernel that refuses whatever is no probability."""
        try:
            return functional.binary_cross_entropy(outputs, y, reduction="none")
        except RuntimeError:  # one run's output must not end its neighbours
            is_probability = (outputs >= 0) & (outputs <= 1)
            values = self._values_by_kernel(outputs.where(is_probability, 0.5), y)
            return values.masked_fill_(~is_probability, torch.nan)


class CrossEntropyFromLogits:
    """ln Σ e^o - o_y; the slope is softmax(o) - onehot(y).

    Computed with the classes as rows and the examples as columns: along a short last axis torch's
    log_softmax takes one example after the other.
    """

    counts_classes = True

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        self.log_p = torch.log_softmax(outputs.mT.contiguous(), dim=1)
        self.classes = y.unsqueeze(1)
        return self.log_p.gather(1, self.classes).squeeze(1).neg_()

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        """Follows `values` of the same outputs."""
        by_example = share.mT if share.ndim else share
        slope = self.log_p.exp_().scatter_(1, self.classes, -1.0, reduce="add")
        return slope.mul_(by_example).mT


class CrossEntropyFromProbabilities:
    """-ln p_y, at most 100; the slope is -1 / p_y at the class (finite at 0), and 0 elsewhere."""

    counts_classes = True

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        p = outputs.gather(-1, y.unsqueeze(-1)).squeeze(-1)
        return p.log_().clamp_min_(LOG_ZERO).neg_()

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        index = y.unsqueeze(-1)
        least = torch.finfo(outputs.dtype).tiny
        slope = outputs.gather(-1, index).clamp_min_(least).reciprocal_().mul_(-share)
        return torch.zeros_like(outputs).scatter_(-1, index, slope)


class NLL:
    """-o_y, of outputs that are log-probabilities; the slope is -1 at the class."""

    counts_classes = True

    def values(self, outputs: Outputs, y: Targets) -> Tensor:
        return outputs.gather(-1, y.unsqueeze(-1)).squeeze(-1).neg_()

    def slopes(self, outputs: Outputs, y: Targets, share: Tensor) -> Outputs:
        index = y.unsqueeze(-1)
        return torch.zeros_like(outputs).scatter_(-1, index, torch.neg(share).expand(index.shape))


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
        self.shares: dict[tuple[int, torch.dtype], Tensor] = {}

    def value(self, outputs: Outputs, y: Targets, weight: Tensor | None = None) -> Tensor:
        """The loss of each run, (runs,); weight: (runs, batch) or None."""
        values = self.loss.values(outputs, y)
        if weight is None:
            flat = values.flatten(1)
            self.share = self._equal_share(flat)
            return flat.sum(dim=1).mul_(self.share)
        each = values if values.ndim == weight.ndim else _mean_or_sum(values, self.is_sum)
        total = (each * weight).sum(dim=1)
        return total if self.is_sum else total / _sum_of(weight)

    def slope(self, outputs: Outputs, y: Targets, weight: Tensor | None = None) -> Outputs:
        """dL/d outputs; follows `value` of the same outputs."""
        if weight is None:
            return self.loss.slopes(outputs, y, self.share)
        count = 1 if self.loss.counts_classes else outputs.shape[2]
        share = weight if self.is_sum else weight / (_sum_of(weight) * count).unsqueeze(1)
        return self.loss.slopes(outputs, y, share.unsqueeze(-1))

    def _equal_share(self, flat: Float[Tensor, "runs values"]) -> Tensor:
        """What each value of a run counts; made once for a size, for a tensor is ready sooner."""
        key = flat.shape[1], flat.dtype
        if key not in self.shares:
            self.shares[key] = flat.new_full((), 1 if self.is_sum else 1 / flat.shape[1])
        return self.shares[key]


def _sum_of(weight: Float[Tensor, "runs batch"]) -> Float[Tensor, " runs"]:
    """More than 0, for a batch without any weight has the loss 0 and not 0 / 0."""
    return weight.sum(dim=1).clamp_min_(torch.finfo(weight.dtype).tiny)


def _mean_or_sum(values: Tensor, is_sum: bool) -> Tensor:
    return values.sum(dim=2) if is_sum else values.mean(dim=2)
