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
from descend.watching.targets import Targets

KEPT = 512  # examples whose values are kept
EACH = 64  # of one batch: so they come from several
MOST = 1 << 20  # values of them
OF_CLASSES = ("cross_entropy", "nll")
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
        self.targets = Targets()
        self.batch_size: int | None = None
        self._inputs: list[Numbers] = []
        self._answers: list[Numbers] = []
        self._are_pairs = True
        self._given: Numbers | None = None
        self._kind: tuple[bool, int] | None = None

    def add_inputs(self, given: Tensor) -> None:
        """Look at the first tensor that the network was given in a training pass."""
        self._keep(None)
        self.batch_size = (len(given) if given.dim() else 1) or self.batch_size
        if given.is_floating_point() and given.dim() > 1 and given.numel():
            width = max(1, given[0].numel())
            kept = sum(map(len, self._inputs))
            rows = min(EACH, KEPT - kept, max(1, MOST // width) - kept)
            fits = not self._inputs or self._inputs[0].shape[1] == width
            if rows > 0 and fits:
                self._given = _numbers(given[:rows])

    def add_loss(self, seen: LossSeen) -> None:
        """Look at what the loss was given; those of other tasks than the first are left out."""
        if seen.outputs is None or seen.targets is None or not seen.targets.numel():
            return
        kind = seen.counts_classes, seen.width
        self._kind = self._kind or kind
        if kind != self._kind:
            return
        self.targets.add(seen)
        if seen.target_shape and seen.target_shape[0] == self.batch_size:
            targets = seen.targets[:EACH]
            self._keep(_numbers(targets)[:, 0] if seen.counts_classes else _numbers(targets))

    def _keep(self, answers: Numbers | None) -> None:
        """Keep the inputs that were given last, with their targets if they are known."""
        given, self._given = self._given, None
        if given is None:
            return
        are_like = not self._answers or (
            answers is not None and self._answers[0].shape[1:] == answers.shape[1:]
        )
        self._are_pairs = self._are_pairs and answers is not None and are_like
        is_finite = np.isfinite(given).all(axis=1)
        self._inputs.append(given[is_finite])
        if answers is not None and self._are_pairs:
            self._answers.append(answers[: len(given)][is_finite])

    def profile(self, loss: str | None, reduction: str | None, *, is_plain: bool) -> Profile | None:
        """The profile of what was seen; None where nobody knows the loss."""
        self._keep(None)
        first = np.concatenate(self._inputs) if self._inputs else None
        answers = np.concatenate(self._answers) if self._are_pairs and self._answers else None
        task = self._task(loss, first, answers)
        is_other = self._kind is not None and self._kind[0] is not (loss in OF_CLASSES)
        if loss is None or task is None or is_other:
            return None
        inputs = None if first is None or not len(first) else Columns.of(first)
        targets, counts = self.targets.columns, self.targets.class_counts(task)
        is_mean = is_plain and reduction != "sum"
        return Profile(
            task=task,
            examples=cast(Mapping[str, int], ABSENT),
            outputs=self.targets.outputs or 1,
            inputs=cast(Any, ABSENT) if inputs is None else {"train": inputs},
            raw=cast(Any, ABSENT) if inputs is None else inputs,
            first=cast(Any, ABSENT) if inputs is None or first is None else first,
            first_targets=answers,
            targets=targets,
            raw_targets=None if task == "autoencoder" else targets,
            class_counts=counts,
            chance_loss=self.targets.chance_loss(loss) if is_mean else None,
            chance_accuracy=None if counts is None else float(counts.max() / counts.sum()),
        )

    def _task(self, loss: str | None, first: Numbers | None, answers: Numbers | None) -> str | None:
        are_known = first is not None and answers is not None and len(first) > 0
        if are_known and np.array_equal(cast(Numbers, first), cast(Numbers, answers)):
            return "autoencoder"
        if loss == "bce":
            return "binary" if self.targets.outputs == 1 else "multilabel"
        if loss in OF_CLASSES and self.targets.axes > 2:
            return "pixels"
        return TASKS.get(loss or "")


def _numbers(values: Tensor) -> Numbers:
    """(examples, columns)."""
    rows = values.detach().reshape(len(values), -1)
    numbers: Numbers = rows.to(torch.float64).cpu().numpy()
    return numbers
