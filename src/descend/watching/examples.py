"""Examples: what is known of a loop's examples from the batches that were sampled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descend.findings.measured import ABSENT
from descend.findings.profile import Columns, Profile
from descend.watching.losses import LossSeen

KEPT = 512  # examples whose values are kept
MOST = 1 << 20  # values of them
EACH = 10  # labels of each class, on average, that tell how the classes are shared out
TASKS = {
    "cross_entropy": "multiclass",
    "nll": "multiclass",
    "mse": "regression",
    "l1": "regression",
    "huber": "regression",
    "poisson": "regression",
}

Numbers = NDArray[np.float64]


class Gathered:
    """Inputs and targets of sampled batches, as far as they are needed."""

    def __init__(self) -> None:
        self.inputs: list[Numbers] = []
        self.targets: list[Numbers] = []
        self.counts: Numbers = np.zeros(0)
        self.batch_size: int | None = None
        self.outputs: int | None = None
        self.shape: tuple[int, ...] = ()
        self.is_autoencoder = False

    def add_inputs(self, given: Tensor) -> None:
        """Look at the first tensor that the network was given in a training pass."""
        self.batch_size = len(given) if given.dim() else 1
        if given.is_floating_point() and given.dim() > 1:
            self.inputs = _with(self.inputs, given)

    def add_loss(self, seen: LossSeen) -> None:
        """Look at what the loss was given."""
        outputs, targets = seen.outputs, seen.targets
        if outputs is None or targets is None:
            return
        self.shape = seen.output_shape or ()
        self.outputs = outputs.shape[1] if outputs.dim() > 1 else 1
        if targets.is_floating_point():
            self.targets = _with(self.targets, targets)
        elif self.outputs > 1:
            known = targets[(targets >= 0) & (targets < self.outputs)].flatten()
            counts = torch.bincount(known, minlength=self.outputs).cpu().numpy()
            self.counts = counts + (self.counts if len(self.counts) == len(counts) else 0.0)

    def profile(self, loss: str | None, reduction: str | None, *, is_plain: bool) -> Profile | None:
        """The profile of what was seen; None where nobody knows the loss."""
        task = self._task(loss)
        if loss is None or task is None:
            return None
        inputs = Columns.of(np.concatenate(self.inputs)) if self.inputs else None
        targets = np.concatenate(self.targets) if self.targets else None
        chance = None
        if is_plain and reduction != "sum":
            chance = entropy(self.counts) if len(self.counts) else _constant(loss, targets)
        are_many = self.counts.sum() >= EACH * len(self.counts) > 0
        counts = self.counts if are_many else _yes_and_no(targets, task)
        columns = None if targets is None else Columns.of(targets)
        return Profile(
            task=task,
            examples=cast(Mapping[str, int], ABSENT),
            outputs=self.outputs or 1,
            inputs=cast(Any, ABSENT) if inputs is None else {"train": inputs},
            raw=cast(Any, ABSENT) if inputs is None else inputs,
            first=np.concatenate(self.inputs) if self.inputs else cast(Any, ABSENT),
            first_targets=targets,
            targets=columns,
            raw_targets=columns,
            class_counts=counts,
            chance_loss=chance,
            chance_accuracy=None if counts is None else float(counts.max() / counts.sum()),
        )

    def _task(self, loss: str | None) -> str | None:
        if loss == "bce":
            return "binary" if self.outputs == 1 else "multilabel"
        if loss in ("cross_entropy", "nll") and len(self.shape) > 2:
            return "pixels"
        return TASKS.get(loss or "")


def entropy(counts: Numbers) -> float | None:
    """The entropy of the classes' shares: of k classes (k - 1) / 2n above that of n samples.

    None where too few were seen. Reference: Miller 1955.
    """
    n, present = counts.sum(), counts[counts > 0]
    if n < len(present) * EACH:
        return None
    share = present / n
    return float(-(share * np.log(share)).sum() + (len(present) - 1) / (2 * n))


def _constant(loss: str, targets: Numbers | None) -> float | None:
    """The loss of the best constant answer."""
    if targets is None or len(targets) < 2 * EACH:
        return None
    if loss == "mse":
        return float(targets.var(axis=0).mean())
    if loss == "l1":
        return float(np.abs(targets - np.median(targets, axis=0)).mean())
    if loss == "bce" and targets.min() >= 0 and targets.max() <= 1:
        yes = np.clip(targets.mean(axis=0), 1e-12, 1 - 1e-12)
        return float(-(yes * np.log(yes) + (1 - yes) * np.log(1 - yes)).mean())
    return None


def _yes_and_no(targets: Numbers | None, task: str) -> Numbers | None:
    if task != "binary" or targets is None:
        return None
    yes = float(targets.sum())
    return np.array([targets.size - yes, yes])


def _with(known: list[Numbers], values: Tensor) -> list[Numbers]:
    """What is kept, and as many rows of these values as there is room for: (examples, columns)."""
    width = max(1, values[:1].numel())
    room = min(KEPT, max(1, MOST // width)) - sum(map(len, known))
    if room <= 0 or (known and known[0].shape[1] != width):
        return known
    rows = values.detach()[:room].reshape(-1, width).double().cpu().numpy()
    return [*known, rows[np.isfinite(rows).all(axis=1)]]
