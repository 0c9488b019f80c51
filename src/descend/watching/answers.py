"""Answers: what a loop's outputs and labels look like to its loss."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from descend.watching.losses import LossSeen

ROUNDING = 1e-3  # of probabilities that should add up to 1
MOST = 1 << 16  # labels of one batch that are looked at


@dataclass
class Answers:
    """Labels, outputs and their shapes as far as they were seen.

    broadcast: the shapes of targets and outputs where they differ, as they were at first;
    target_range: of targets that are probabilities; label_factors: of class numbers by which all
    outputs' logarithms are multiplied.
    """

    outputs: int | None = None
    are_probabilities: bool | None = None
    broadcast: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    label_range: tuple[int, int] | None = None
    target_range: tuple[float, float] | None = None
    label_factors: tuple[float, float] | None = None
    labels: set[int] = field(default_factory=set)

    def look_at_output(self, output: Tensor) -> None:
        """Whether the network's outputs are probabilities by themselves."""
        if output.dim() != 2 or output.shape[1] < 2 or not output.is_floating_point():
            return
        is_one = (output.sum(dim=1) - 1).abs() < ROUNDING
        are = bool(is_one.all() & (output >= 0).all())
        self.are_probabilities = are and self.are_probabilities is not False

    def look_at_loss(self, seen: LossSeen) -> None:
        """What the loss was given."""
        if seen.activation is not None:  # by the loop, behind the network
            self.are_probabilities = seen.activation == "softmax"
        target, output = seen.target_shape, seen.output_shape
        if target is not None and output is not None and not seen.counts_classes:
            self.broadcast = self.broadcast or ((target, output) if target != output else None)
        if seen.label_factors is not None:
            self.label_factors = _wider(self.label_factors, seen.label_factors)
        if seen.outputs is None or seen.targets is None or not seen.targets.numel():
            return
        if seen.counts_classes:
            self.outputs = seen.width
            self._look_at_labels(seen.targets, seen.ignored)
        if seen.name == "bce":
            least, most = map(float, seen.targets.aminmax())
            self.target_range = _wider(self.target_range, (least, most))

    def _look_at_labels(self, targets: Tensor, ignored: int) -> None:
        seen = torch.unique(targets.flatten()[:MOST]).tolist()
        if known := [label for label in seen if label != ignored]:
            self.labels.update(known)
            least, most = self.label_range or (known[0], known[0])
            self.label_range = min(least, *known), max(most, *known)


def _wider(known: tuple[float, float] | None, seen: tuple[float, float]) -> tuple[float, float]:
    """The range of what was known and of what is seen now."""
    return (min(known[0], seen[0]), max(known[1], seen[1])) if known is not None else seen
