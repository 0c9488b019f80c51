"""Short names for combinations of edits: `lr=0.1 activation=relu`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from descend.comparison.axis import Axis
from descend.comparison.values import identity
from descend.recipe.complaints import spelled

LONGEST = 40  # characters of a value in a name
UNCHANGED = "as given"
LEADING = ("name", "units")  # keys whose value says what the rest belongs to


def names_of(combinations: Sequence[Mapping[str, Any]], axes: Iterable[Axis] = ()) -> list[str]:
    """A name for each combination of edits, unlike all others.

    axes: whose names of values take the place of `lr=0.1`.
    """
    columns: dict[str, list[Any]] = {}
    for edits in combinations:
        for field, value in edits.items():
            columns.setdefault(field, []).append(value)
    short = short_fields(columns)
    texts = {
        field: {key: f"{short[field]}={text}" for key, text in _texts(values).items()}
        for field, values in columns.items()
    }
    for axis in axes:
        if axis.names is not None:
            texts[axis.field] = {
                identity(value): name for value, name in zip(axis.values, axis.names, strict=True)
            }
    parts = [[texts[field][identity(value)] for field, value in e.items()] for e in combinations]
    return made_unique([_in_one_line(" ".join(part)) or UNCHANGED for part in parts])


def short_fields(fields: Iterable[str]) -> dict[str, str]:
    """Each field's last segments, as few as tell it from the others: `lr` for `training.lr`."""
    # A seed without its table is that of the training, which is in no name.
    segments = {field: field.split(".") for field in (*fields, "training.seed")}
    lengths = dict.fromkeys(segments, 1)
    while True:
        tails = {field: segments[field][-length:] for field, length in lengths.items()}
        uses = Counter(".".join(tail) for tail in tails.values())
        unclear = [
            field
            for field, tail in tails.items()
            if uses[".".join(tail)] > 1 or tail[0].isdecimal() or tail == ["name"]
        ]
        can_grow = [field for field in unclear if lengths[field] < len(segments[field])]
        if not can_grow:
            return {field: ".".join(tail) for field, tail in tails.items()}
        for field in can_grow:
            lengths[field] += 1


def short_value(value: Any) -> str:
    """A value as few characters tell it: `256-256`, `normal std 0.05`, `no`."""
    try:
        text = _short(value)
    except (ValueError, RecursionError):  # digits or brackets by the thousand
        text = spelled(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def made_unique(names: Sequence[str]) -> list[str]:
    """The names in their order; one that stood before is followed by its number: `lr=0.1 (2)`."""
    unique: list[str] = []
    given, told = set(names), set[str]()
    for name in names:
        own, number = name, 2
        while own in told or (own != name and own in given):
            own, number = f"{name} ({number})", number + 1
        told.add(own)
        unique.append(own)
    return unique


def _texts(values: Iterable[Any]) -> dict[Hashable, str]:
    """Each different value's text, exact where short ones would be the same."""
    different = {identity(value): value for value in values}
    texts = {key: short_value(value) for key, value in different.items()}
    uses = Counter(texts.values())
    return {key: spelled(different[key]) if uses[text] > 1 else text for key, text in texts.items()}


def _short(value: Any) -> str:
    match value:
        case None:
            return "auto"  # left to descend
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case str():
            return " ".join(value.split()) or "''"
        case list() | tuple():
            items = [_short(item) for item in value]
            is_plain = not any(mark in item for item in items for mark in "- ")
            return ("-" if is_plain else " + ").join(items) or "none"
        case Mapping():
            leading = [key for key in LEADING if key in value]
            words = [_short(value[key]) for key in leading]
            words += [f"{key} {_short(value[key])}" for key in value if key not in leading]
            return " ".join(words) or "empty"
    return str(value)


def _in_one_line(text: str) -> str:
    """Without line breaks, and with nothing that a terminal would not print."""
    return "".join(c if c.isprintable() else "�" for c in " ".join(text.split()))
