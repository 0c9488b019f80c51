"""Draw: a field whose values are drawn at random, from a range or among a few."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from descend.comparison.values import check_distinct, check_varies, listed_values
from descend.errors import RecipeError
from descend.recipe.complaints import spelled
from descend.recipe.fields import plain
from descend.recipe.known import without_places
from descend.recipe.recipe import Recipe

KINDS = ("uniform", "log", "int", "log-int", "choice")
WHOLE = ("int", "log-int")
LOGARITHMIC = ("log", "log-int")
SAMPLERS = ("tpe", "gp", "cmaes", "nsgaii", "qmc", "random")  # Optuna's, which may choose the draws
LARGEST = 2**53  # up to here every whole number is a float
DIGITS = 6  # significant ones of what is drawn, so that it reads well

EXAMPLE = (
    "for example training.lr=log:1e-4..1, network.dropout=0..0.5, network.activation=relu,tanh"
)


@dataclass(frozen=True)
class Draw:
    """A field and where its values are drawn from.

    kind: `uniform` and `int` draw from low to high, `log` and `log-int` so that equal ratios are
    equally likely, `choice` among the values.
    """

    field: str
    kind: str
    low: float | None = None
    high: float | None = None
    values: Sequence[Any] = ()

    def __post_init__(self) -> None:
        check_varies(self.field)
        if self.kind not in KINDS:
            raise RecipeError(
                f"`{self.field}` must be drawn as one of {', '.join(KINDS)}: {spelled(self.kind)}",
                hint=EXAMPLE,
            )
        if self.kind == "choice":
            values = listed_values(self.field, self.values)
            check_varies(self.field, values)
            check_distinct(f"the values of `{self.field}`", values)
            object.__setattr__(self, "values", tuple(values))
        else:
            self._check_range()

    def _check_range(self) -> None:
        low, high = plain(self.low), plain(self.high)
        if expected := self._expected(low, high):
            message = f"`{self.field}` must be drawn {expected}: {self.span}"
            raise RecipeError(message, hint=EXAMPLE)
        if self.kind not in WHOLE and takes_whole_numbers_only(self.field):
            kind = "int" if self.kind == "uniform" else "log-int"
            raise RecipeError(
                f"`{self.field}` must be drawn among whole numbers: {self.span}",
                hint=f"`{self.field}={kind}:{low:g}..{high:g}` draws these",
            )
        number = int if self.kind in WHOLE else float
        object.__setattr__(self, "low", number(low))
        object.__setattr__(self, "high", number(high))

    def _expected(self, low: Any, high: Any) -> str:
        """What low and high should be and are not, empty where all is well."""
        ends = (low, high)
        if not all(isinstance(end, int | float) and not isinstance(end, bool) for end in ends):
            return "between two numbers"
        if not all(abs(end) <= sys.float_info.max for end in ends):
            return "between finite numbers"
        if low >= high:
            return "from a number to a higher one"
        if self.kind in LOGARITHMIC and low <= 0:
            return "between numbers above 0 on a logarithmic scale"
        if self.kind in WHOLE and not all(float(end).is_integer() for end in ends):
            return "between whole numbers"
        if self.kind in WHOLE and not all(abs(end) <= LARGEST for end in ends):
            return "between whole numbers up to 2^53"
        return ""

    @property
    def span(self) -> str:
        """The range or the values as they are typed: `log:0.0001..1`."""
        if self.kind == "choice":
            return spelled(self.values)
        return f"{self.kind}:{spelled(self.low)}..{spelled(self.high)}"

    def at(self, share: float) -> Any:
        """The value below which this share, from 0 to below 1, of all draws lies."""
        if self.kind == "choice":
            return self.values[int(share * len(self.values))]
        assert self.low is not None and self.high is not None
        if self.kind == "int":
            return self.low + int(share * (self.high - self.low + 1))
        if self.kind == "uniform":
            value = (1 - share) * self.low + share * self.high
        elif self.kind == "log":
            value = self.low ** (1 - share) * self.high**share
        else:  # each whole number stands for what is rounded to it
            ends = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = math.exp((1 - share) * ends[0] + share * ends[1])
        return self.near(value)

    def near(self, value: float) -> float:
        """The number nearest to this one that is drawn: a whole one, or one of few digits."""
        assert self.low is not None and self.high is not None
        close = round(value) if self.kind in WHOLE else self._rounded(value)
        return min(max(close, self.low), self.high)

    def _rounded(self, value: float) -> float:
        """The value with few digits, but enough of them for a thousand steps from low to high."""
        assert self.low is not None and self.high is not None
        steps = max(abs(self.low), abs(self.high)) / (self.high - self.low)
        digits = DIGITS if steps <= 1000 else 3 + math.ceil(math.log10(steps))
        return float(f"{value:.{digits}g}")


@cache
def takes_whole_numbers_only(field: str) -> bool:
    """True where a recipe refuses 0.5 in this field for being no whole number."""
    kinds: set[type] = {Recipe}
    for name in without_places(field).split("."):
        parts = [kind for kind in kinds if issubclass(kind, BaseModel)]
        known = [part.model_fields[name] for part in parts if name in part.model_fields]
        kinds = {kind for one in known for kind in _leaves(one.annotation)}
    return int in kinds and float not in kinds


def _leaves(annotation: Any) -> set[type]:
    if arguments := get_args(annotation):
        return {leaf for argument in arguments for leaf in _leaves(argument)}
    return {annotation} if isinstance(annotation, type) else set()
