"""Random draws: how they are read, and the combinations that come out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

from descend.comparison.axis import Edits, check_once
from descend.comparison.draw import EXAMPLE, KINDS, Draw, takes_whole_numbers_only
from descend.comparison.values import check_varies, split_values
from descend.errors import RecipeError
from descend.recipe.complaints import spelled

__all__ = ["Draw", "check_sampling", "draw_of", "draws_of", "parse_draw", "sampled"]

_KIND = re.compile(r"\s*([a-zA-Z_-]+)\s*:(.*)", re.DOTALL)
_NUMBER = r"[+-]?(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_RANGE = re.compile(rf"\s*({_NUMBER})\s*\.\.\s*({_NUMBER})\s*")


def parse_draw(text: str) -> Draw:
    """`"training.lr=log:1e-4..1"`, `"network.dropout=0..0.5"`, `"network.activation=relu,tanh"`.

    A range without a kind is `int` where the field takes whole numbers only, else `uniform`.
    """
    field, equals, span = text.partition("=")
    field = field.strip()
    if not equals or not field:
        raise RecipeError(f"a draw must look like FIELD=RANGE: {spelled(text)}", hint=EXAMPLE)
    return draw_of(field, span)


def draw_of(field: str, span: str | Sequence[Any]) -> Draw:
    """The draw of a field from what `parse_draw` reads after its `=`, or from a list of values."""
    check_varies(field)
    if not isinstance(span, str):
        return Draw(field, "choice", values=span)
    kind, rest = "", span
    named = _KIND.fullmatch(span)
    if named and (named[1] in KINDS or _RANGE.fullmatch(named[2])):
        kind, rest = named[1], named[2]
    if kind != "choice" and (ends := _RANGE.fullmatch(rest)):
        low, high = _number(ends[1]), _number(ends[2])
        usual = "int" if takes_whole_numbers_only(field) else "uniform"
        return Draw(field, kind or usual, low, high)
    values = split_values(field, rest)
    if kind not in ("choice", "") or (not kind and len(values) == 1):
        raise RecipeError(
            f"`{field}` must be drawn from LOW..HIGH or among values: {spelled(span.strip())}",
            hint=EXAMPLE,
        )
    return Draw(field, "choice", values=values)


def draws_of(sample: Mapping[str, Any]) -> tuple[Draw, ...]:
    """The draws that a mapping of fields to ranges or lists of values describes."""
    if not isinstance(sample, Mapping):
        raise RecipeError(
            f"what is drawn must map each field to its range: {spelled(sample)}",
            hint='for example {"training.lr": "log:1e-4..1"}',
        )
    return tuple(draw_of(field, span) for field, span in sample.items())


def sampled(draws: Sequence[Draw], count: int, seed: int = 0) -> list[Edits]:
    """`count` random combinations, as edits: the same ones for the same seed.

    Each field has a stream of its own: neither another field nor a larger count changes a value.
    """
    import numpy as np  # not above: fields are checked and `--help` is answered without it

    check_once(draw.field for draw in draws)
    check_sampling(count, seed)
    columns = []
    for draw in draws:
        own = np.random.SeedSequence(seed, spawn_key=tuple(draw.field.encode()))
        shares = np.random.Generator(np.random.PCG64(own)).random(count)
        columns.append([draw.at(share) for share in shares.tolist()])
    fields = [draw.field for draw in draws]
    return [dict(zip(fields, row, strict=True)) for row in zip(*columns, strict=True)]


def check_sampling(count: int, seed: int) -> None:
    """Raise a RecipeError where there is nothing to draw, or no seed to draw from."""
    for name, number, least in (("the number of draws", count, 1), ("a seed of draws", seed, 0)):
        if isinstance(number, bool) or not isinstance(number, Integral) or number < least:
            raise RecipeError(f"{name} must be a whole number, {least} or more: {spelled(number)}")


def _number(text: str) -> float:
    is_whole = text.lstrip("+-").isdigit() and len(text) < 18
    return int(text) if is_whole else float(text)
