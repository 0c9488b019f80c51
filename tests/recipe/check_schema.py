"""An oracle without packages: the part of JSON Schema that the schema of a recipe uses."""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": int | float,
}
BOUNDS: dict[str, Any] = {
    "minimum": lambda value, bound: value >= bound,
    "maximum": lambda value, bound: value <= bound,
    "exclusiveMinimum": lambda value, bound: value > bound,
    "exclusiveMaximum": lambda value, bound: value < bound,
    "minLength": lambda value, bound: len(value) >= bound,
    "minItems": lambda value, bound: len(value) >= bound,
    "maxItems": lambda value, bound: len(value) <= bound,
}
NOTES = {"title", "description", "default", "$schema", "$defs"}
STRUCTURE = {"$ref", "anyOf", "enum", "const", "type", "properties", "required", "prefixItems"}
KNOWN = {*NOTES, *STRUCTURE, *BOUNDS, "items", "additionalProperties"}


def violations(value: Any, schema: Schema, root: Schema, at: str = "recipe") -> list[str]:
    """Where `value` is not as `schema` says; a keyword that is not known here is an error."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        inner = root["$defs"][schema["$ref"].rpartition("/")[2]]
        return violations(value, inner, root, at)
    if "anyOf" in schema:
        branches = [violations(value, branch, root, at) for branch in schema["anyOf"]]
        return [] if [] in branches else [f"{at} is none of {len(branches)}"]
    choices = schema.get("enum", [schema["const"]] if "const" in schema else None)
    if choices is not None:
        is_one = any(type(one) is type(value) and one == value for one in choices)
        return [] if is_one else [f"{at} is none of {choices}"]
    kind = schema["type"]
    if not isinstance(value, KINDS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        return [f"{at} is no {kind}"]
    found = [
        f"{at} breaks {keyword} = {bound}"
        for keyword, bound in schema.items()
        if keyword in BOUNDS and not BOUNDS[keyword](value, bound)
    ]
    if kind == "object":
        found += [f"{at} lacks {name}" for name in schema.get("required", ()) if name not in value]
        found += [
            f"{at} has an unknown {name}" for name in value if name not in schema["properties"]
        ]
        assert schema["additionalProperties"] is False
    for key, item in _children(value):
        inner = _schema_of(key, schema)
        found += [] if inner is None else violations(item, inner, root, f"{at}.{key}")
    return found


def _children(value: Any) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        return list(value.items())
    return list(enumerate(value)) if isinstance(value, list) else []


def _schema_of(key: str | int, schema: Schema) -> Schema | None:
    if isinstance(key, str):
        found: Schema | None = schema["properties"].get(key)
        return found
    first = schema.get("prefixItems", [])
    return first[key] if key < len(first) else schema.get("items")
