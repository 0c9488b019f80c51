"""Targets: which task the given values call for, and the values in the form that the task needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from numpy.typing import NDArray
from torch import Tensor

from descend.errors import DataError

# More distinct whole numbers than this, and than half of the examples, are hardly classes.
_MANY_CLASSES = 20


@dataclass(frozen=True)
class Targets:
    """Targets as a split holds them; `labels` (examples,) are the class numbers, if any."""

    y: Shaped[Tensor, "examples *outputs"]
    outputs: int
    classes: tuple[str, ...] | None = None
    labels: NDArray[np.int64] | None = None


def infer_task(y: NDArray[Any]) -> str:
    """The task that the values of `y` call for.

    Texts, booleans and whole numbers are classes, two of them binary; other numbers are quantities.
    Zeros and ones in several columns are labels, or one class where every row has exactly one 1;
    zeros and ones as floats, the way PyTorch's losses want them, count as classes too.
    """
    is_table = y.ndim == 2 and y.shape[1] > 1
    if y.ndim > 2:
        raise DataError(
            f"`y` must have 1 or 2 dimensions: it is {_sizes(y)}",
            hint='classes for each pixel need `data.task = "pixels"`',
        )
    is_number = y.dtype.kind in "buif"
    is_zero_or_one = is_number and bool(np.isin(y, (0, 1)).all())
    if is_table:
        if is_zero_or_one:
            return "multiclass" if _is_one_hot(y) else "multilabel"
        return "regression"
    if y.dtype.kind == "f" and not is_zero_or_one:
        return "regression"
    count = len(np.unique(y))
    if y.dtype.kind in "ui" and count > max(_MANY_CLASSES, len(y) // 2):
        raise DataError(
            f"`data.task` must be given where it is not clear: `y` holds {count} different whole "
            f"numbers in {len(y)} examples",
            hint='`data.task = "regression"` for quantities, "multiclass" for classes',
        )
    if count < 2:
        raise DataError(
            f"`y` must hold at least two classes: all are {str(y.flat[0])!r}",
            hint="`data.task` says what one value alone cannot",
        )
    return "binary" if count == 2 else "multiclass"


def as_targets(
    y: NDArray[Any], task: str, classes: tuple[str, ...] | None = None, name: str = "y"
) -> Targets:
    """`y` in the form that `task` needs; raises DataError where it cannot be that.

    `classes` are the names that exist already, in order; None takes them from `y`, sorted.
    """
    match task:
        case "regression":
            values = torch.from_numpy(_columns(_numbers(y, task, name)).astype(np.float32))
            return Targets(values, outputs=values.shape[1])
        case "multilabel":
            return _multilabel(y, classes, name)
        case "pixels":
            return _pixels(y, classes, name)
    if y.ndim == 2 and y.shape[1] > 1 and _is_one_hot(y):
        y = y.argmax(axis=1)
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1:
        raise DataError(f"`{name}` must be one column of classes for {task}: it is {_sizes(y)}")
    if classes is None:
        known, names = _classes_of(y, task, name)
        labels = np.searchsorted(known, y)
    else:
        names = classes
        labels = _numbered(y, names, name)
    if task == "binary":
        if len(names) != 2:
            raise DataError(
                f"`{name}` must hold 2 classes for binary: it holds {len(names)}",
                hint='`data.task = "multiclass"` is for more than two',
            )
        column = torch.from_numpy(labels.astype(np.float32)).unsqueeze(1)
        return Targets(column, outputs=1, classes=names, labels=labels)
    numbers = torch.from_numpy(labels.astype(np.int64))
    return Targets(numbers, outputs=len(names), classes=names, labels=labels)


def _multilabel(y: NDArray[Any], classes: tuple[str, ...] | None, name: str) -> Targets:
    if y.ndim != 2 or not np.isin(_numbers(y, "multilabel", name), (0, 1)).all():
        raise DataError(
            f"`{name}` must be zeros and ones (examples, labels) for multilabel: "
            f"it is {y.dtype} of {_sizes(y)}",
            hint="one column for each label, 1 where the example carries it",
        )
    names = classes or tuple(str(k) for k in range(y.shape[1]))
    _same_number(len(names), y.shape[1], name)
    return Targets(torch.from_numpy(y.astype(np.float32)), y.shape[1], names)


def _pixels(y: NDArray[Any], classes: tuple[str, ...] | None, name: str) -> Targets:
    if y.ndim < 2 or y.dtype.kind not in "buif" or (y.dtype.kind == "f" and (y % 1 != 0).any()):
        raise DataError(
            f"`{name}` must be class numbers (examples, pixels) for pixels: "
            f"it is {y.dtype} of {_sizes(y)}"
        )
    numbers = y.reshape(len(y), -1).astype(np.int64)
    names = classes or tuple(str(k) for k in range(max(int(numbers.max()) + 1, 2)))
    _in_range(numbers, len(names), name)
    return Targets(torch.from_numpy(numbers), len(names), names)


def _classes_of(y: NDArray[Any], task: str, name: str) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The distinct values of `y`, sorted, and their names."""
    values = np.unique(y)
    is_zero_or_one = y.dtype.kind in "buif" and bool(np.isin(values, (0, 1)).all())
    if is_zero_or_one:
        return np.array([0, 1]), ("0", "1")
    if y.dtype.kind == "f":
        raise DataError(
            f"`{name}` must be classes for {task}, whole numbers or names: it is {y.dtype}",
            hint='convert class numbers to whole ones; quantities need `data.task = "regression"`',
        )
    if y.dtype.kind == "i" and values[0] < 0 and values.tolist() != [-1, 1]:
        raise DataError(
            f"`{name}` must be classes from 0 on for {task}: the smallest is {values[0]}",
            hint="leave examples without a class out; other numbers can be given as texts",
        )
    if y.dtype.kind not in "uiUS":
        raise DataError(f"`{name}` must be numbers or names for {task}: it is {y.dtype}")
    return values, tuple(str(value) for value in values)


def _numbered(y: NDArray[Any], names: tuple[str, ...], name: str) -> NDArray[np.int64]:
    """The class number of each value: by name for texts, and for numbers that are names."""
    if y.dtype.kind in "bf" and np.isin(y, (0, 1)).all():
        y = y.astype(np.int64)
    is_number = y.dtype.kind in "ui"
    if is_number and not all(_is_whole_number(known) for known in names):
        _in_range(y, len(names), name)
        return y.astype(np.int64)
    position = {known: k for k, known in enumerate(names)}
    values, inverse = np.unique(y if is_number else y.astype(str), return_inverse=True)
    unknown = [str(value) for value in values if str(value) not in position]
    if unknown:
        raise DataError(
            f"`{name}` must hold the classes {', '.join(names)}: it holds {', '.join(unknown[:5])}",
            hint="every class must be among the training examples",
        )
    return np.array([position[str(value)] for value in values], np.int64)[inverse]


def _is_whole_number(text: str) -> bool:
    return text.removeprefix("-").isdecimal()


def _in_range(numbers: NDArray[Any], classes: int, name: str) -> None:
    low, high = int(numbers.min()), int(numbers.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"`{name}` must hold class numbers from 0 to {classes - 1}: "
            f"they reach from {low} to {high}"
        )


def _same_number(names: int, columns: int, name: str) -> None:
    if names != columns:
        raise DataError(f"`{name}` must have {names} columns, one for each class: it has {columns}")


def _numbers(y: NDArray[Any], task: str, name: str) -> NDArray[Any]:
    if y.dtype.kind not in "buif":
        raise DataError(
            f"`{name}` must be numbers for {task}: it is {y.dtype}",
            hint='names of classes need `data.task = "binary"` or "multiclass"',
        )
    return y


def _columns(y: NDArray[Any]) -> NDArray[Any]:
    return y.reshape(len(y), -1)


def _is_one_hot(y: NDArray[Any]) -> bool:
    return bool(y.dtype.kind in "buif" and np.isin(y, (0, 1)).all() and (y.sum(axis=1) == 1).all())


def _sizes(y: NDArray[Any]) -> str:
    return " x ".join(str(size) for size in y.shape) or "a single value"
