"""Examples from the caller's own arrays: numpy, torch, or anything that numpy can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descend.data.assembly import Whole, assemble, check_finite, checked
from descend.data.examples import Examples, Split
from descend.data.names import TEST_SHARE, VALIDATION_SHARE
from descend.data.preparation import Preparation
from descend.data.targets import Targets, as_targets, infer_task
from descend.errors import DataError
from descend.recipe.model import Data

# An array of numpy, torch, pandas, polars or scipy.sparse, or nested lists.
Values = object


def from_arrays(
    x: Values,
    y: Values | None = None,
    data: Data | None = None,
    *,
    validation: tuple[Any, Any] | None = None,
    test: tuple[Any, Any] | None = None,
    weight: Values | None = None,
    classes: Sequence[str] | None = None,
    image: tuple[int, int] | None = None,
    name: str = "arrays",
) -> Examples:
    """The examples of x (examples, features) and y, split and prepared as `data` asks.

    x may also be images (examples, rows, columns), and for pixels (examples, pixels, features) or
    (examples, rows, columns, features). The task is inferred from y where `data` does not say it.
    `validation` and `test` are pairs (x, y) of the caller's own; otherwise they are split off.
    `weight` (examples,) weighs the examples of x; `classes` are the names of the classes in order.
    The arrays are copied. Raises DataError where they cannot be what the task needs.
    """
    wishes = Data.model_validate({"source": name}) if data is None else data
    refuse_toy_fields(wishes, name)
    given = None if y is None else _array(y, "y")
    task = _task(given, wishes)
    values, found_image = _features(x, task)
    names = None if classes is None else tuple(classes)
    targets = _targets(values, given, task, names)
    own = {
        part: _own(pair, task, targets, part)
        for part, pair in (("validation", validation), ("test", test))
        if pair is not None
    }
    whole = Whole(
        name=name,
        task=task,
        x=values,
        targets=targets,
        scale=_default_scale(values),
        target_scale="standard" if task == "regression" else "none",
        validation=VALIDATION_SHARE,
        test=TEST_SHARE,
        weight=None if weight is None else torch.from_numpy(_array(weight, "weight")).float(),
        own_validation=own.get("validation"),
        own_test=own.get("test"),
        image=image or found_image,
        brightest=255 if values.dtype == torch.uint8 else None,
    )
    for part, split in own.items():
        if split.x.shape[1:] != values.shape[1:]:
            raise DataError(
                f"`{part}` must have examples of {tuple(values.shape[1:])} like `x`: "
                f"{tuple(split.x.shape[1:])}"
            )
    return assemble(whole, wishes)


def split_from_arrays(x: Values, y: Values | None, preparation: Preparation) -> Split:
    """New examples in the form that a trained network's `preparation` knows, for its evaluation."""
    values, _ = _features(x, preparation.task)
    if values.shape[-1] != preparation.features:
        raise DataError(
            f"each example must have {preparation.features} features: these have {values.shape[-1]}"
        )
    given = None if y is None else _array(y, "y")
    targets = _targets(values, given, preparation.task, preparation.classes)
    if targets.outputs != preparation.outputs:
        raise DataError(
            f"`y` must have {preparation.outputs} columns: {targets.outputs} were given"
        )
    return checked(values, targets.y)


def inputs_from_arrays(x: Values, preparation: Preparation) -> Tensor:
    """New raw inputs, many or a single example, in the form that a trained network knows."""
    values = _array(x, "x")
    if values.size == 0:
        raise DataError("`x` must hold at least one example: it is empty")
    if _is_one_example(values, preparation):
        values = values[None]
    rows, _ = _features(values, preparation.task)
    if rows.shape[-1] != preparation.features:
        raise DataError(
            f"each example must have {preparation.features} features: these have {rows.shape[-1]}"
        )
    if rows.is_floating_point():
        check_finite("x", rows)
    return rows


def _is_one_example(values: NDArray[Any], preparation: Preparation) -> bool:
    """Whether one example was given without an axis for several."""
    if preparation.task == "pixels":
        return values.ndim == 2
    return values.ndim == 1 or (values.ndim == 2 and values.shape == preparation.image)


def refuse_toy_fields(data: Data, name: str) -> None:
    """Raise DataError where `data` sizes or roughens examples that are not generated."""
    for field in ("examples", "noise"):
        if (value := getattr(data, field)) is not None:
            raise DataError(
                f"`data.{field}` must be absent for {name}, which is not generated: {value}",
                hint="`data.limit` trains on fewer examples" if field == "examples" else None,
            )


def _task(y: NDArray[Any] | None, data: Data) -> str:
    if data.target == "inputs" and data.task not in (None, "autoencoder"):
        raise DataError(
            f'`data.task` must be autoencoder where `data.target = "inputs"`: {data.task!r}'
        )
    if data.target == "inputs" or data.task == "autoencoder":
        return "autoencoder"
    if y is None:
        raise DataError(
            "`y` must be given, the targets of the examples",
            hint='`data.target = "inputs"` trains an autoencoder, which needs none',
        )
    if y.size == 0:
        raise DataError("`y` must hold at least one target: it is empty")
    if y.ndim == 0:
        raise DataError("`y` must be a list of targets, one for each example: it is a single value")
    return data.task or infer_task(y)


def _targets(
    x: Tensor, y: NDArray[Any] | None, task: str, classes: tuple[str, ...] | None
) -> Targets:
    if task == "autoencoder":
        return Targets(x, outputs=x.shape[-1])
    if y is None or y.size == 0 or y.ndim == 0:
        raise DataError("`y` must be given, one target for each example")
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        row = int(np.flatnonzero(~np.isfinite(y.reshape(len(y), -1)).all(axis=1))[0])
        raise DataError(
            f"`y` must be finite numbers: row {row} is {y[row]}", hint="leave such rows out"
        )
    return as_targets(y, task, classes)


def _own(pair: tuple[Any, Any], task: str, targets: Targets, part: str) -> Split:
    x, _ = _features(pair[0], task)
    y = None if pair[1] is None else _array(pair[1], part)
    return checked(x, _targets(x, y, task, targets.classes).y)


def _features(x: Values, task: str) -> tuple[Tensor, tuple[int, int] | None]:
    """Inputs as (examples, features) or (examples, pixels, features), and their images' size."""
    array = _array(x, "x")
    if array.dtype.kind not in "buif":
        raise DataError(
            f"`x` must be numbers: it is {array.dtype}",
            hint="texts and categories must be turned into numbers first",
        )
    is_small = array.dtype.kind == "b" or array.dtype == np.uint8
    with np.errstate(
        over="ignore"
    ):  # what becomes infinite is refused with its place, by `checked`
        array = array.astype(np.uint8 if is_small else np.float32)
    if array.ndim == 0:
        raise DataError("`x` must be a table, one row for each example: it is a single number")
    image: tuple[int, int] | None = None
    if task == "pixels":
        if array.ndim not in (3, 4):
            raise DataError(
                "`x` must be (examples, pixels, features) for pixels: "
                f"it has {array.ndim} dimensions"
            )
        if array.ndim == 4:
            image = (array.shape[1], array.shape[2])
        return torch.from_numpy(array.reshape(len(array), -1, array.shape[-1])), image
    if array.ndim == 3:
        image = (array.shape[1], array.shape[2])
    return torch.from_numpy(array.reshape(len(array), -1 if array.size else 0)), image


def _array(values: Values, name: str) -> NDArray[Any]:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        values = values.float() if values.dtype == torch.bfloat16 else values
        return values.numpy()
    if (dense := getattr(values, "toarray", None)) is not None:  # scipy's sparse matrices
        values = dense()
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise DataError(f"`{name}` must be an array: {error}", hint="rows of one length") from None
    if array.dtype.kind == "O":
        array = _from_objects(array, name)
    return array


def _from_objects(array: NDArray[Any], name: str) -> NDArray[Any]:
    """Numbers or texts that came as Python objects, as pandas gives them."""
    if all(isinstance(value, str) for value in array.flat):
        return array.astype(str)
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError):
        raise DataError(
            f"`{name}` must be all numbers or all texts: it is a mixture",
            hint="a gap (None) is neither; leave such rows out or fill them in",
        ) from None


def _default_scale(values: Tensor) -> str:
    """The scale "unit" for images in uint8, "none" for zeros and ones, "standard" for all else."""
    if values.dtype == torch.uint8:
        return "unit" if int(values.max()) > 1 else "none"
    is_zero_or_one = bool(((values == 0) | (values == 1)).all())
    return "none" if is_zero_or_one else "standard"
