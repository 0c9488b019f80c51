"""Edits by dotted name on plain nested data: `training.lr=0.1`, `network.layers.0.units=5`."""

from __future__ import annotations

import tomllib
from typing import Any

from descend.errors import RecipeError


def parse_edit(text: str) -> tuple[str, Any]:
    """`"training.lr=0.1"` as `("training.lr", 0.1)`; without a value it is None: left open."""
    field, equals, value = text.partition("=")
    if not equals or not field.strip():
        raise RecipeError(
            f"an edit must look like FIELD=VALUE: {text!r}", hint="for example training.lr=0.01"
        )
    return field.strip(), parse_value(value.strip()) if value.strip() else None


def parse_value(text: str) -> Any:
    """The TOML value that `text` spells, or the text itself (`tanh` needs no quotes)."""
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):  # thousands of digits are a ValueError of Python itself
        return text
    return parsed["value"] if len(parsed) == 1 else text


def edit(tree: dict[str, Any], field: str, value: Any) -> None:
    """Set the dotted `field` of nested dicts and lists in place; None removes it."""
    *path, last = field.split(".")
    node: Any = tree
    for key in path:
        if value is None and isinstance(node, dict) and key not in node:
            return
        node = _child(node, key, field)
    if isinstance(node, list):
        node[_place(node, last, field)] = value
    elif value is None:
        node.pop(last, None)
    else:
        node[last] = value


def _child(node: Any, key: str, field: str) -> Any:
    if isinstance(node, list):
        return node[_place(node, key, field)]
    if key.isdecimal():
        raise _nowhere(field, f"the recipe lists nothing before its {key!r}")
    child = node.setdefault(key, {})
    if isinstance(child, str):  # `init = "normal"` is short for `init = {name = "normal"}`
        child = node[key] = {"name": child}
    if not isinstance(child, dict | list):
        raise _nowhere(field, f"`{key}` is {child!r}")
    return child


def _place(node: list[Any], key: str, field: str) -> int:
    is_number = key.isascii() and key.isdecimal() and len(key) < 10
    if not is_number or int(key) >= len(node):
        raise _nowhere(field, f"{key!r} is no place in a list of {len(node)}")
    return int(key)


def _nowhere(field: str, reason: str) -> RecipeError:
    hint = "places in lists are counted from 0"
    return RecipeError(f"`{field}` must be a field that exists: {reason}", hint=hint)
