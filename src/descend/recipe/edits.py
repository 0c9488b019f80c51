"""Edits by dotted name on plain nested data: `training.lr=0.1`, `network.layers.0.units=5`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

from descend.errors import RecipeError


def parse_edit(text: str) -> tuple[str, Any]:
    """`"training.lr=0.1"` as `("training.lr", 0.1)`; what is no TOML value is a text."""
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise RecipeError(
            f"an edit must look like FIELD=VALUE: {text!r}", hint="for example training.lr=0.01"
        )
    return field.strip(), parse_value(value.strip())


def parse_value(text: str) -> Any:
    """The TOML value that `text` spells, or the text itself (`tanh` needs no quotes)."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def edit(tree: dict[str, Any], field: str, value: Any) -> None:
    """Set the dotted `field` of nested dicts and lists in place; None removes it."""
    *path, last = field.split(".")
    node: Any = tree
    for key in path:
        node = _child(node, key, field)
    if isinstance(node, list):
        node[_index(node, last, field)] = value
    elif value is None:
        node.pop(last, None)
    else:
        node[last] = value


def _child(node: Any, key: str, field: str) -> Any:
    if isinstance(node, list):
        return node[_index(node, key, field)]
    child = node.setdefault(key, {})
    if isinstance(child, str):  # `init = "normal"` is short for `init = {name = "normal"}`
        child = node[key] = {"name": child}
    if not isinstance(child, dict | list):
        raise RecipeError(f"`{field}` must be a field that exists: {key!r} holds {child!r}")
    return child


def _index(node: list[Any], key: str, field: str) -> int:
    if not key.isdecimal() or int(key) >= len(node):
        raise RecipeError(
            f"`{field}` must be a field that exists: {key!r} is no place in a list of {len(node)}",
            hint="places are counted from 0",
        )
    return int(key)


def thawed(value: Any) -> Any:
    """`value` with every mapping a dict and every sequence a list, ready for TOML and edits."""
    if isinstance(value, Mapping):
        return {key: thawed(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [thawed(item) for item in value]
    return value
