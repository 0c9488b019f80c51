"""Samples: what is to be measured of one step, while it is taken and until it is measured."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.network.activations import ACTIVATIONS, Activation
from descend.network.stack import Stack, views_of
from descend.trace.measurements import activity, norms, table

Outputs = list[tuple[Activation, Tensor]]  # of each layer, (active, batch, units)


class Measured:
    """The measurements of one step, each when it can be made, with no copy but of the weights."""

    def __init__(
        self,
        stack: Stack,
        loss: Float[Tensor, " active"],
        active: Int64[Tensor, " active"],
        outputs: Outputs,
    ) -> None:
        self.stack, self.loss, self.active = stack, loss, active
        self.activities = [activity(activation, a) for activation, a in outputs]

    def gradient(self) -> None:
        """After the backward pass, before anything changes the gradient."""
        self.before = self.stack.theta.clone()
        self.gradients, self.weights = norms(self.stack.slopes), norms(self.stack.views)

    def update(self) -> None:
        """After the update."""
        change = self.before.sub_(self.stack.theta)
        self.changes = norms(views_of(change, self.stack.blocks))

    def values(self) -> Float[Tensor, "active layers quantities"]:
        """The sample, once it is complete."""
        return table(self.activities, self.gradients, self.weights, self.changes)


class Copied:
    """Copies of all that is to be measured of one step.

    For a tiny network the sixty small operations of the measurements take as long as six steps;
    made for many samples at once, they take next to nothing for each.
    """

    def __init__(
        self,
        stack: Stack,
        loss: Float[Tensor, " active"],
        active: Int64[Tensor, " active"],
        outputs: Outputs,
    ) -> None:
        self.stack, self.loss, self.active = stack, loss, active
        self.bytes = bytes_of(stack, outputs)
        self.outputs = [a.clone() for _, a in outputs]

    def gradient(self) -> None:
        """After the backward pass, before anything changes the gradient."""
        self.slopes, self.before = self.stack.gradient.clone(), self.stack.theta.clone()

    def update(self) -> None:
        """After the update."""
        self.after = self.stack.theta.clone()


def bytes_of(stack: Stack, outputs: Outputs) -> int:
    """What the copies of a sample need."""
    numbers = 3 * stack.theta.numel() + sum(a.numel() for _, a in outputs)
    return numbers * stack.theta.element_size()


def are_alike(sample: Copied | Measured, others: Sequence[Copied]) -> bool:
    """Whether a sample can be measured together with others, which are alike."""
    if not isinstance(sample, Copied):
        return False
    return all(
        sample.active is other.active and sample.outputs[0].shape == other.outputs[0].shape
        for other in others[-1:]
    )


def measured_together(
    samples: Sequence[Copied], activations: Sequence[str]
) -> Sequence[Float[Tensor, "active layers quantities"]]:
    """The measurements of each sample: for the operations, a sample is so many runs more."""
    if not samples:
        return ()
    blocks = samples[0].stack.blocks
    outputs = zip(*(sample.outputs for sample in samples), strict=True)
    activities = [
        activity(ACTIVATIONS[name](), _joined(tensors))
        for name, tensors in zip(activations, outputs, strict=True)
    ]
    slopes = _joined([sample.slopes for sample in samples])
    before = _joined([sample.before for sample in samples])
    change = before - _joined([sample.after for sample in samples])
    norms_of = [norms(views_of(tensor, blocks)) for tensor in (slopes, before, change)]
    return table(activities, *norms_of).chunk(len(samples))


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.contiguous() for tensor in tensors])
