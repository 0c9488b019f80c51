"""Baselines: what simple models make of the same examples, for a network to be compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from descend.data.examples import Examples, Split
from descend.diagnosis.labels import disagreement
from descend.findings.fits import discriminants, line

MOST = 2000  # examples of each split
VALUES = 1 << 20  # and of these at most
NEIGHBOURS = 5
RIDGE = 1e-3
TASKS = ("regression", "binary", "multiclass", "multilabel")


Parts = tuple[Tensor, Tensor, Tensor, Tensor]  # x, y to learn from, x, y to be scored on


class Baselines(Mapping[str, float]):
    """Scores of simple models on examples that they have not seen, and what neighbours say.

    By name: "neighbours/accuracy" of the nearest neighbours and "linear/accuracy" of a linear
    model, or r2 for a regression; "examples", how many were scored: held-out ones, or a fifth of
    the training examples, where none were; for classes "labels/…" (`descend.diagnosis.labels`).
    Nothing for other tasks, or for too few examples. Made when they are first asked for: most never
    are.
    """

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    @cached_property
    def _parts(self) -> Parts | None:
        return _standardised(self._examples)

    @cached_property
    def _scores(self) -> dict[str, float]:
        return {} if self._parts is None else _scores(*self._parts, self._examples.task)

    @cached_property
    def _labels(self) -> dict[str, float]:
        if self._parts is None or self._examples.task not in ("binary", "multiclass"):
            return {}
        x, y, x_new, y_new = self._parts
        with torch.inference_mode():
            return disagreement(x, _classes(y), x_new, _classes(y_new))

    def __getitem__(self, name: str) -> float:
        return (self._labels if name.startswith("labels/") else self._scores)[name]

    def __iter__(self) -> Iterator[str]:
        yield from self._scores
        yield from self._labels

    def __len__(self) -> int:
        return len(self._scores) + len(self._labels)


@torch.inference_mode()
def _standardised(examples: Examples) -> Parts | None:
    """Some examples, standardised by those to learn from; None where there is nothing to score."""
    if examples.task not in TASKS or len(examples.train) < 4 * NEIGHBOURS:
        return None
    x, y, x_new, y_new = _split(examples)
    if not len(x_new) or not bool(torch.isfinite(torch.cat([x, x_new])).all()):
        return None
    mean, spread = x.mean(dim=0), x.std(dim=0).clamp(min=1e-6 * float(x.abs().max()) + 1e-30)
    return (x - mean) / spread, y, (x_new - mean) / spread, y_new


@torch.inference_mode()
def _scores(x: Tensor, y: Tensor, x_new: Tensor, y_new: Tensor, task: str) -> dict[str, float]:
    name = "r2" if task == "regression" else "accuracy"
    return {
        f"neighbours/{name}": _score(_neighbours(x, y, x_new), y_new, task),
        f"linear/{name}": _score(_linear(x, y, x_new, task), y_new, task),
        "examples": float(len(y_new)),
    }


def _split(examples: Examples) -> Parts:
    """Inputs and targets to learn from, and others to be scored on."""
    x, y = _numbers(examples, examples.train)
    held_out = examples.validation or examples.test
    if held_out is not None:
        return x, y, *_numbers(examples, held_out)
    is_new = torch.zeros(len(x), dtype=torch.bool)
    is_new[torch.randperm(len(x), generator=torch.Generator().manual_seed(0))[: len(x) // 5]] = True
    return x[~is_new], y[~is_new], x[is_new], y[is_new]


def _classes(y: Tensor) -> Tensor:
    """Class numbers (examples,) of what `_numbers` gives."""
    return y.argmax(dim=1) if y.shape[1] > 1 else (y[:, 0] > 0.5).long()


def _numbers(examples: Examples, split: Split) -> tuple[Tensor, Tensor]:
    """Prepared inputs, and targets as numbers: classes one by one."""
    most = min(MOST, max(4 * NEIGHBOURS, VALUES // split.x.shape[-1]))
    step = max(1, len(split) // most)
    x = examples.preparation.inputs(split.x[::step][:most]).double().cpu()
    y = split.y[::step][:most].cpu()
    if y.dtype == torch.int64:
        y = torch.nn.functional.one_hot(y.flatten(), examples.outputs)
    return x.flatten(1), y.double().reshape(len(x), -1)


def _neighbours(x: Tensor, y: Tensor, x_new: Tensor) -> Tensor:
    nearest = torch.cdist(x_new, x).topk(NEIGHBOURS, largest=False).indices
    return y[nearest].mean(dim=1)


def _linear(x: Tensor, y: Tensor, x_new: Tensor, task: str) -> Tensor:
    """Of a line, or of linear discriminants where one of several classes is right."""
    model = discriminants if task == "multiclass" else line
    return torch.from_numpy(model(x.numpy(), y.numpy(), x_new.numpy(), RIDGE))


def _score(answer: Tensor, y: Tensor, task: str) -> float:
    if task == "regression":
        total = (y - y.mean(dim=0)).square().sum()
        return float(1 - (answer - y).square().sum() / total) if float(total) else float(np.nan)
    if y.shape[1] == 1 or task == "multilabel":
        return float(((answer > 0.5) == (y > 0.5)).double().mean())
    return float((answer.argmax(dim=1) == y.argmax(dim=1)).double().mean())
