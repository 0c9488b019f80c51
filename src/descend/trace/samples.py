"""Samples: what is to be measured of one step, while it is taken and until it is measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.network.activations import ACTIVATIONS, Activation
from descend.network.stack import Stack, weights_at
from descend.optimizers.optimizer import Part
from descend.trace.measurements import activity, norms, table

Outputs = list[tuple[Activation, Tensor]]  # of each layer, (active, batch, units)


class Measured:
    """The measurements of one step, each when it can be made, with no copy but of a part of theta.

    The change of the weights is measured part by part while they move: a copy of all of them would
    be as large as what Adam keeps of each parameter, and would leave the cache before it is used.
    """

    def __init__(
        self,
        stack: Stack,
        loss: Float[Tensor, " active"],
        active: Int64[Tensor, " active"],
        outputs: Outputs,
    ) -> None:
        self.stack, self.loss, self.active = stack, loss, active
        self.places = weights_at(stack.blocks)
        self.activities = [activity(activation, a) for activation, a in outputs]

    def gradient(self) -> None:
        """After the backward pass, before anything changes the gradient."""
        self.gradients = norms(self.stack.gradient, self.places)
        self.weights = norms(self.stack.theta, self.places)

    def update(self, parts: Iterable[Part]) -> None:
        """Carry out the update."""
        found: list[list[Tensor]] = []
        room: Tensor | None = None
        for columns, move in parts:
            theta = self.stack.theta[:, columns]
            room = torch.empty_like(theta) if room is None else room  # none is wider than the first
            change = room[:, : theta.shape[1]].copy_(theta)
            move()
            change -= theta
            found.append(norms(change, self.places, columns.start))
        self.changes = [_of_all(parts_of_layer) for parts_of_layer in zip(*found, strict=True)]

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

    def update(self, parts: Iterable[Part]) -> None:
        """Carry out the update."""
        for part in parts:
            part.move()
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
    places = weights_at(samples[0].stack.blocks)
    outputs = zip(*(sample.outputs for sample in samples), strict=True)
    activities = [
        activity(ACTIVATIONS[name](), _joined(tensors))
        for name, tensors in zip(activations, outputs, strict=True)
    ]
    slopes = _joined([sample.slopes for sample in samples])
    before = _joined([sample.before for sample in samples])
    change = before - _joined([sample.after for sample in samples])
    sizes = (norms(tensor, places) for tensor in (slopes, before, change))
    return table(activities, *sizes).chunk(len(samples))


def _of_all(parts: tuple[Float[Tensor, " runs"], ...]) -> Float[Tensor, " runs"]:
    """The norm of what has these norms in its parts."""
    return parts[0] if len(parts) == 1 else torch.linalg.vector_norm(torch.stack(parts), dim=0)


def _joined(tensors: Sequence[Tensor]) -> Tensor:
    return torch.cat([tensor.contiguous() for tensor in tensors])
