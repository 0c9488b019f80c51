"""Axis: one field and the values that it takes, and the combinations of several of these."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from descend.comparison.values import check_distinct, check_varies, listed_values, split_values
from descend.errors import RecipeError
from descend.recipe.complaints import spelled

Edits = dict[str, Any]

EXAMPLE = "for example training.lr=0.1,0.01"


@dataclass(frozen=True)
class Axis:
    """A field by dotted name and its values, plain and in order; None leaves the field open.

    names: what to call the values, in place of `lr=0.1`.
    """

    field: str
    values: Sequence[Any]
    names: Sequence[str] | None = None

    def __post_init__(self) -> None:
        values = listed_values(self.field, self.values)
        check_varies(self.field, values)
        object.__setattr__(self, "values", tuple(values))
        if self.names is not None:
            object.__setattr__(self, "names", tuple(self.names))
            if len(self.names) != len(values):
                raise RecipeError(
                    f"the {len(values)} values of `{self.field}` must have a name each: "
                    f"{spelled(self.names)}"
                )

    def __len__(self) -> int:
        return len(self.values)


def parse_axis(text: str) -> Axis:
    """`"training.lr=0.1,0.01"` as the axis of `training.lr` with these two values."""
    field, equals, values = text.partition("=")
    if not equals or not field.strip():
        raise RecipeError(
            f"what varies must look like FIELD=VALUE,VALUE: {spelled(text)}", hint=EXAMPLE
        )
    check_varies(field.strip())
    return Axis(field.strip(), split_values(field.strip(), values))


def axes_of(vary: Mapping[str, Sequence[Any]]) -> tuple[Axis, ...]:
    """The axes that a mapping of fields to their values describes."""
    if not isinstance(vary, Mapping):
        raise RecipeError(
            f"what varies must map each field to its values: {spelled(vary)}",
            hint='for example {"training.lr": [0.1, 0.01]}',
        )
    return tuple(Axis(field, values) for field, values in vary.items())


def combinations(axes: Sequence[Axis]) -> list[Edits]:
    """Every combination of the axes' values, as edits; the first axis changes slowest."""
    check_combinable(axes)
    fields = [axis.field for axis in axes]
    rows = product(*(axis.values for axis in axes))
    return [dict(zip(fields, row, strict=True)) for row in rows]


def together(axes: Sequence[Axis]) -> list[Edits]:
    """The first values of all axes, then their second ones, and so on, as edits."""
    check_combinable(axes, zipped=True)
    fields = [axis.field for axis in axes]
    rows = zip(*(axis.values for axis in axes), strict=True)
    return [dict(zip(fields, row, strict=True)) for row in rows]


def count(axes: Sequence[Axis]) -> int:
    """How many combinations there are, without making them."""
    return math.prod(len(axis) for axis in axes)


def check_combinable(axes: Sequence[Axis], *, zipped: bool = False) -> None:
    """Raise a RecipeError where a field or a combination occurs twice, or lengths differ."""
    check_once(axis.field for axis in axes)
    if not zipped:
        for axis in axes:
            check_distinct(f"the values of `{axis.field}`", axis.values)
        return
    if len({len(axis) for axis in axes}) > 1:
        lengths = ", ".join(f"{axis.field} has {len(axis)}" for axis in axes)
        raise RecipeError(
            f"axes that vary together must have equally many values: {lengths}",
            hint="without `--zip` (`zip=True`), all combinations are compared",
        )
    rows = list(zip(*(axis.values for axis in axes), strict=True))
    check_distinct("values that vary together", rows)


def check_once(fields: Iterable[str]) -> None:
    """Raise a RecipeError where a field occurs twice."""
    seen: set[str] = set()
    for field in fields:
        if field in seen:
            raise RecipeError(
                f"each field must vary once, with all of its values: `{field}` varies twice",
                hint=EXAMPLE,
            )
        seen.add(field)
