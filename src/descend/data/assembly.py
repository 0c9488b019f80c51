"""From raw arrays to examples: checks, split, limit, preparation, fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from numpy.typing import NDArray
from torch import Tensor

from descend.data import splitting
from descend.data.examples import Examples, Split, fingerprint
from descend.data.preparation import Preparation
from descend.data.targets import Targets
from descend.errors import DataError
from descend.recipe.model import Data


@dataclass(frozen=True, eq=False)
class Whole:
    """A source before it is split, and the choices that hold where the recipe makes none."""

    name: str
    task: str
    x: Shaped[Tensor, "examples *pixels features"]
    targets: Targets
    scale: str
    target_scale: str
    validation: float | int
    test: float | int
    weight: Tensor | None = None
    own_validation: Split | None = None
    own_test: Split | None = None
    image: tuple[int, int] | None = None
    brightest: int | None = None
    generated: Mapping[str, Any] = field(default_factory=dict)  # `examples` and `noise` of a toy


def assemble(whole: Whole, data: Data) -> Examples:
    """The examples of `whole`, split, limited and prepared as `data` asks."""
    targets = whole.targets
    everything = checked(whole.x, targets.y, whole.weight)
    train, validation, test = _split(whole, everything, data)
    if data.limit is not None:
        labels = None if targets.labels is None else targets.labels[train]
        train = train[splitting.first(data.limit, labels, len(train))]
    parts = {
        "train": everything.rows(torch.from_numpy(train)),
        "validation": whole.own_validation or _part(everything, validation),
        "test": _own_test(whole, data) or _part(everything, test),
    }
    splits = {name: part for name, part in parts.items() if part is not None}
    preparation = Preparation.fit(
        splits["train"].x,
        splits["train"].y,
        task=whole.task,
        outputs=targets.outputs,
        scaling=data.scale or whole.scale,
        target_scaling=data.target_scale or whole.target_scale,
        brightest=whole.brightest,
        classes=targets.classes,
        image=whole.image,
    )
    return Examples(
        name=whole.name,
        task=whole.task,
        train=splits["train"],
        validation=splits.get("validation"),
        test=splits.get("test"),
        preparation=preparation,
        outputs=targets.outputs,
        classes=targets.classes,
        image=whole.image,
        fingerprint=fingerprint(splits),
        chosen=_chosen(whole, data),
    )


def checked(x: Tensor, y: Tensor, weight: Tensor | None = None) -> Split:
    """A part of the examples; raises DataError if empty, of unequal lengths, or not finite."""
    if len(x) == 0 or x.shape[-1] == 0:
        raise DataError(
            f"the data must hold at least one example with one feature: x is {tuple(x.shape)}"
        )
    for name, values in (("y", y), ("weight", weight)):
        if values is not None and len(values) != len(x):
            raise DataError(
                f"`x` and `{name}` must be of one length: {len(x):,} and {len(values):,}",
                hint="each example is one row of x and one of y",
            )
    if x.ndim == 3 and y.shape != x.shape[:2]:
        raise DataError(
            f"`y` must hold one class for each pixel, {tuple(x.shape[:2])}: it is {tuple(y.shape)}"
        )
    for name, values in (("x", x), ("y", y), ("weight", weight)):
        if values is not None and values.is_floating_point():
            check_finite(name, values)
    if weight is not None and bool((weight < 0).any()):
        raise DataError(f"`weight` must be 0 or more: the smallest is {float(weight.min()):g}")
    return Split(x, y, weight)


def check_finite(name: str, values: Tensor) -> None:
    """Raise DataError where a value is NaN or infinite, with its place."""
    # One pass without a mask: a sum is finite only if all its terms are, but may overflow itself.
    if bool(values.sum(dtype=torch.float64).isfinite()):
        return
    is_bad = ~values.isfinite().reshape(len(values), -1)
    if not bool(is_bad.any()):
        return
    row, column = (int(place) for place in is_bad.nonzero()[0])
    raise DataError(
        f"`{name}` must be finite numbers: row {row}, column {column} is "
        f"{float(values.reshape(len(values), -1)[row, column])} "
        f"({int(is_bad.any(1).sum()):,} of {len(values):,} rows hold such values)",
        hint="leave these rows out, or fill the gaps in before training (float32 ends at 3.4e38)",
    )


def _split(
    whole: Whole, everything: Split, data: Data
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    count = len(everything)
    validation = whole.validation if data.validation is None else data.validation
    test = whole.test if data.test is None else data.test
    if whole.own_validation is not None:
        validation = 0
    if whole.own_test is not None:
        test = 0
    parts = splitting.split(
        count,
        splitting.count_of(validation, count, "data.validation"),
        splitting.count_of(test, count, "data.test"),
        data.seed,
        whole.targets.labels,
    )
    return parts.train, parts.validation, parts.test


def _chosen(whole: Whole, data: Data) -> dict[str, Any]:
    choices = {
        "task": whole.task,
        "scale": whole.scale,
        "target_scale": whole.target_scale,
        **whole.generated,
    }
    if whole.own_validation is None:
        choices["validation"] = whole.validation
    if whole.own_test is None:
        choices["test"] = whole.test
    return {name: value for name, value in choices.items() if getattr(data, name) is None}


def _part(everything: Split, rows: NDArray[np.int64]) -> Split | None:
    return everything.rows(torch.from_numpy(rows)) if rows.size else None


def _own_test(whole: Whole, data: Data) -> Split | None:
    """The source's own test set, or as many of its first examples as `data.test` asks for."""
    own = whole.own_test
    if own is None or data.test is None:
        return own
    count = splitting.count_of(data.test, len(own), "data.test")
    is_class = whole.task in ("binary", "multiclass")
    labels = own.y.reshape(len(own)).numpy() if is_class else None
    return _part(own, splitting.first(count, labels, len(own)))
