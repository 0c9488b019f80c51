"""Targets: what a loop's loss was given to compare with, and what the best constant would cost."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descend.findings.profile import Columns
from descend.watching.losses import LossSeen

ENOUGH = 10  # labels of each class, or 20 numbers: of fewer nobody knows how they are shared out
KEPT = 1024  # targets that are numbers
EACH = 64  # of one batch
WIDE = 4096  # columns at most

Numbers = NDArray[np.float64]


class Targets:
    """Counts of classes over all sampled batches, or some numbers of each of them.

    varies: whether any batch held targets that differ; where none did, as in adversarial training,
    each batch has a task of its own, and no constant answer is one for all.
    """

    def __init__(self) -> None:
        self.counts: Numbers = np.zeros(0)
        self.outputs: int | None = None
        self.axes = 0
        self.varies = False
        self._kept: list[Numbers] = []

    def add(self, seen: LossSeen) -> None:
        """Look at what one loss was given."""
        assert seen.targets is not None
        targets = seen.targets if seen.targets.dim() else seen.targets.reshape(1)
        self.axes = len(seen.output_shape or ())
        self.outputs = seen.width
        if seen.counts_classes:
            known = targets[(targets >= 0) & (targets < self.outputs)].flatten()
            counts = torch.bincount(known, minlength=self.outputs).cpu().numpy()
            self.counts = counts + (self.counts if len(self.counts) == len(counts) else 0.0)
            self.varies = self.varies or int((counts > 0).sum()) > 1
        elif targets.is_floating_point():
            self._keep(targets)

    def _keep(self, targets: Tensor) -> None:
        rows = targets[:EACH].detach().reshape(min(EACH, len(targets)), -1)[:, :WIDE]
        numbers: Numbers = rows.to(torch.float64).cpu().numpy()
        self.varies = self.varies or bool((numbers != numbers[:1]).any())
        if self._kept and self._kept[0].shape[1] != numbers.shape[1]:
            return
        self._kept.append(numbers)
        if sum(map(len, self._kept)) > KEPT:  # every second batch still tells of the whole course
            self._kept = self._kept[::2]

    @property
    def numbers(self) -> Numbers | None:
        """Some targets that are numbers, (examples, columns)."""
        if not self._kept:
            return None
        numbers = np.concatenate(self._kept)
        finite: Numbers = numbers[np.isfinite(numbers).all(axis=1)]
        return finite if len(finite) else None

    @property
    def columns(self) -> Columns | None:
        """Statistics of targets that are numbers."""
        numbers = self.numbers
        return None if numbers is None else Columns.of(numbers)

    def class_counts(self, task: str) -> Numbers | None:
        """How many of each class there were, where they are enough to tell."""
        numbers = self.numbers
        if task == "binary" and numbers is not None and len(numbers) >= 2 * ENOUGH:
            return np.array([numbers.size - numbers.sum(), numbers.sum()])
        are_many = 0 < ENOUGH * len(self.counts) <= self.counts.sum()
        return self.counts if are_many else None

    def chance_loss(self, loss: str) -> float | None:
        """The loss of the best constant answer; None where no formula gives it."""
        if not self.varies:
            return None
        if len(self.counts):
            return entropy(self.counts)
        numbers = self.numbers
        if numbers is None or len(numbers) < 2 * ENOUGH:
            return None
        if loss == "mse":
            return float(numbers.var(axis=0).mean())
        if loss == "l1":
            return float(np.abs(numbers - np.median(numbers, axis=0)).mean())
        if loss == "bce" and numbers.min() >= 0 and numbers.max() <= 1:
            yes = np.clip(numbers.mean(axis=0), 1e-12, 1 - 1e-12)
            return float(-(yes * np.log(yes) + (1 - yes) * np.log(1 - yes)).mean())
        return None


def entropy(counts: Numbers) -> float | None:
    """The entropy of the classes' shares: of k classes (k - 1) / 2n above that of n samples.

    None where too few were seen. Reference: Miller 1955.
    """
    n, present = counts.sum(), counts[counts > 0]
    if n < len(present) * ENOUGH:
        return None
    share = present / n
    return float(-(share * np.log(share)).sum() + (len(present) - 1) / (2 * n))
