"""The fields that exist, by dotted name, and the nearest one to a name that does not."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args

from pydantic import BaseModel

from descend.recipe.named import Named
from descend.recipe.names import nearest


@cache
def known_fields(whole: type[BaseModel] | None = None) -> tuple[str, ...]:
    """Every field of a recipe, table by table; those of a list's elements without their place.

    whole: what has the fields, in place of a recipe.
    """
    from descend.recipe.recipe import Recipe

    return tuple(name for name, _ in _below(whole or Recipe, ""))


@cache
def _choices_with_options() -> frozenset[str]:
    from descend.recipe.recipe import Recipe

    return frozenset(name for name, part in _below(Recipe, "") if part and issubclass(part, Named))


def exists(field: str) -> bool:
    """True where a recipe has this field, or it may be an option of a field such as `init`."""
    name = without_places(field)
    table, _, last = name.rpartition(".")
    return name in known_fields() or (table in _choices_with_options() and bool(last))


def without_places(field: str) -> str:
    """`network.layers.units` for `network.layers.0.units`."""
    return ".".join(key for key in field.split(".") if not key.isdecimal())


def nearest_field(field: str, whole: type[BaseModel] | None = None) -> str | None:
    """The field that was most likely meant: of that name, alike in its table, alike anywhere."""
    table, _, last = field.rpartition(".")
    by_last: dict[str, str] = {}
    for name in known_fields(
        whole
    ):  # training comes last and wins, outer fields win over inner ones
        key = name.rpartition(".")[2]
        if key not in by_last or name.count(".") <= by_last[key].count("."):
            by_last[key] = name
    inside = without_places(table)
    siblings = [
        name.rpartition(".")[2] for name in known_fields(whole) if name.rpartition(".")[0] == inside
    ]
    if last not in by_last and (close := nearest(last, siblings)) is not None:
        return f"{table}.{close}" if table else close
    close = nearest(last, by_last)
    return by_last[close] if close is not None and by_last[close] != field else None


def _below(part: type[BaseModel], prefix: str) -> Iterator[tuple[str, type[BaseModel] | None]]:
    for name, field in part.model_fields.items():
        inner = next(_parts(field.annotation), None)
        yield prefix + name, inner
        if inner is not None and not issubclass(inner, Named):
            yield from _below(inner, f"{prefix}{name}.")


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _parts(argument)
