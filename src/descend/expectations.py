"""Expectations of a lab: one number of a trained variant each, and what it should be."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from descend.lab_numbers import COMBINE, number_of
from descend.recipe.fields import Count, OneOf, Part

if TYPE_CHECKING:
    from descend.runs.run import Run

SOURCES = ("published", "plain torch", "theory", "measured here")
KINDS = ("metric", "quantity", "pretraining", "output_for", "gradient")

Positive = Annotated[float, Field(gt=0)]


class Expectation(Part):
    """A number of one variant and its bounds; of several networks the first one's.

    The number is one of these:
    metric: the final value, or the one at `epoch` (from 1; -1 = the last); with `when_at_least` or
    `when_at_most` the share of the variant's networks whose value lies there, or with `first_epoch`
    the first epoch at which it does; `first` and `inputs_times` score the split anew, on its first
    examples or with all inputs multiplied; `over_seeds` takes all networks into account.
    quantity: a measurement of the trace at `layer` (from 1; -1 = the last) and `step` (-1 = the
    last, "largest" over all steps), divided by that of `over_layer`. "drift" is how far the mean of
    the activations has moved since the first step, in units of their spread at that step.
    pretraining: what the machine of `layer` measured after `epoch` of its own (0 = before the
    first); it is kept in the run's folder only.
    output_for: output number `output` (from 0) for these raw inputs.
    gradient: the largest difference between the written-out gradient and autograd's.
    `minus_variant` subtracts the same number of another variant.

    The bounds: `equals`, `within` a share of it or `plus_minus` an amount; `at_least`; `at_most`.
    """

    what: str
    source: Annotated[str, OneOf(SOURCES)] = "measured here"
    variant: str = ""
    minus_variant: str | None = None

    metric: str | None = None
    epoch: int | None = None
    when_at_least: float | None = None
    when_at_most: float | None = None
    first_epoch: bool = False
    over_seeds: Annotated[str, OneOf(tuple(COMBINE))] | None = None
    first: Count | None = None
    inputs_times: Positive | None = None
    quantity: str | None = None
    layer: int = 0
    over_layer: int | None = None
    step: int | Annotated[str, OneOf(("largest",))] = -1
    pretraining: str | None = None
    output_for: tuple[float | int, ...] | None = None
    output: int = 0
    gradient: bool = False

    equals: float | None = None
    within: Positive | None = None
    plus_minus: Positive | None = None
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _is_one_number_with_bounds(self) -> Expectation:
        kinds = [kind for kind in KINDS if getattr(self, kind)]
        if len(kinds) != 1:
            raise ValueError(f"{self.what!r} must be one of {', '.join(KINDS)}: {kinds}")
        if self.equals is None and self.at_least is None and self.at_most is None:
            raise ValueError(f"{self.what!r} must have a bound")
        if (self.equals is not None) != bool(self.within or self.plus_minus):
            raise ValueError(f"{self.what!r} must have `equals` and its tolerance together")
        if self.first_epoch and not self.has_threshold:
            raise ValueError(f"{self.what!r} must say at which value the first epoch is meant")
        return self

    @property
    def has_threshold(self) -> bool:
        """Whether the number counts the values beyond a threshold."""
        return self.when_at_least is not None or self.when_at_most is not None

    @property
    def is_about_seeds(self) -> bool:
        """Whether the number depends on how many networks there are."""
        return self.over_seeds is not None or (self.has_threshold and not self.first_epoch)

    @property
    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest number that meets this expectation."""
        low = -math.inf if self.at_least is None else self.at_least
        high = math.inf if self.at_most is None else self.at_most
        if self.equals is not None:
            slack = max(self.plus_minus or 0.0, abs(self.equals) * (self.within or 0.0))
            low, high = max(low, self.equals - slack), min(high, self.equals + slack)
        return low, high

    @property
    def expected(self) -> str:
        """The bounds as text."""
        parts = []
        if self.equals is not None:
            slack = f"{self.plus_minus:g}" if self.plus_minus else f"{100 * (self.within or 0):g} %"
            parts.append(f"{_digits(self.equals)} ± {slack}")
        if self.at_least is not None:
            parts.append(f"at least {_digits(self.at_least)}")
        if self.at_most is not None:
            parts.append(f"at most {_digits(self.at_most)}")
        return ", ".join(parts)

    def is_met_by(self, found: float) -> bool:
        """Whether a number lies within the bounds; NaN never does."""
        low, high = self.bounds
        return low <= found <= high


@dataclass(frozen=True)
class Check:
    """An expectation beside what was found; met is None where the two cannot be compared."""

    what: str
    variant: str
    found: float | None
    expected: str
    met: bool | None
    why_not: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """This check as plain data."""
        return dict(vars(self))


def judge(
    expectation: Expectation,
    runs: Mapping[str, Run],
    why_not: str = "",
    data_dir: Path | str | None = None,
) -> Check:
    """The check of an expectation against the runs of a lab, by variant.

    why_not: the reason for which they cannot be compared; the number is shown all the same.
    """
    found = _difference(expectation, runs, data_dir)
    if expectation.pretraining and all(run.folder is None for run in runs.values()):
        why_not = why_not or "kept in the run's folder only"
    met = None if why_not else found is not None and expectation.is_met_by(found)
    return Check(
        what=expectation.what,
        variant=expectation.variant,
        found=found,
        expected=expectation.expected,
        met=met,
        why_not=why_not or ("" if found is not None else "the run has no such number"),
        source=expectation.source,
    )


def _difference(
    expectation: Expectation, runs: Mapping[str, Run], data_dir: Path | str | None
) -> float | None:
    if expectation.variant not in runs:
        return None
    found = number_of(expectation, runs[expectation.variant], data_dir)
    if expectation.minus_variant is None or found is None:
        return found
    if expectation.minus_variant not in runs:
        return None
    other = number_of(expectation, runs[expectation.minus_variant], data_dir)
    return None if other is None else found - other


def _digits(value: float) -> str:
    return f"{value:.8g}"
