"""Measured: what a rule does where something was not measured, which is nothing."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class NotMeasured(Exception):
    """A rule asked for what was not taken: it says nothing, and does not guess."""


def known(value: T | None) -> T:
    """The value; raises NotMeasured where there is none."""
    if value is None:
        raise NotMeasured
    return value


def known_number(value: float) -> float:
    """The number; raises NotMeasured for NaN."""
    if value != value:
        raise NotMeasured
    return value
