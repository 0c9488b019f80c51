"""Measured: what a rule does where something was not measured, which is nothing."""

from __future__ import annotations

from typing import NoReturn, TypeVar

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


class _Absent:
    """What was not taken, of whatever kind: asking it for anything raises NotMeasured."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):  # what copies and prints objects asks for such names
            raise AttributeError(name)
        raise NotMeasured

    def __getitem__(self, place: object) -> NoReturn:
        raise NotMeasured

    def __len__(self) -> NoReturn:
        raise NotMeasured

    def __iter__(self) -> NoReturn:
        raise NotMeasured


ABSENT = _Absent()
