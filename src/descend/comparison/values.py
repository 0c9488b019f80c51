"""The values of a field that varies: read, told apart, and refused where nothing may vary."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from descend.errors import RecipeError
from descend.recipe.complaints import spelled
from descend.recipe.edits import parse_value
from descend.recipe.fields import plain
from descend.recipe.known import exists, nearest_field

CLOSING = {"[": "]", "{": "}"}


def split_values(field: str, text: str) -> list[Any]:
    """The values between the commas of `text`; brackets and quotes keep theirs together."""
    values = [part.strip() for part in _split(field, text)]
    if "" in values:
        given = "nothing is given" if values == [""] else f"a comma too many in {spelled(text)}"
        raise RecipeError(
            f"`{field}` must have values with commas between them: {given}",
            hint=f'for example {field}=A,B; an empty text is written ""',
        )
    return [parse_value(value) for value in values]


def _split(field: str, text: str) -> list[str]:
    parts, quote, is_escaped = [""], "", False
    awaited: list[str] = []
    for character in text:
        if character == "," and not quote and not awaited:
            parts.append("")
            continue
        if quote:
            if character == quote and not is_escaped:
                quote = ""
            is_escaped = character == "\\" and quote == '"' and not is_escaped
        elif character in "\"'" and (awaited or not parts[-1].strip()):  # `it's` is no quote
            quote = character
        elif character in CLOSING:
            awaited.append(CLOSING[character])
        elif character in "]}" and (not awaited or awaited.pop() != character):
            raise _unbalanced(field, text, character, "is never opened")
        parts[-1] += character
    if quote or awaited:
        raise _unbalanced(field, text, quote or awaited[-1], "is lacking")
    return parts


def _unbalanced(field: str, text: str, character: str, fault: str) -> RecipeError:
    return RecipeError(
        f"the values of `{field}` must have brackets and quotes in pairs: "
        f"{character} {fault} in {spelled(text)}",
        hint="for example network.hidden=[256,256],[32]; quotes keep a text as it is",
    )


def listed_values(field: str, values: Any) -> list[Any]:
    """The values that a program gives for a field, as plain data."""
    listed = None if isinstance(values, str | Mapping) else plain(values)
    if not isinstance(listed, list):
        example = values.split(",") if isinstance(values, str) else ["…"]
        shown = spelled([part.strip() for part in example])
        raise RecipeError(
            f"the values of `{field}` must be a list: {spelled(values)}",
            hint=f"for example {{{field!r}: {shown}}}",
        )
    if not listed:
        raise RecipeError(f"`{field}` must have values to vary over: []")
    return listed


def check_varies(field: str, values: Iterable[Any] = ()) -> None:
    """Raise a RecipeError where a recipe lacks the field, or it is one that may not differ."""
    if not isinstance(field, str):
        raise RecipeError(f"a field must be a dotted name: {spelled(field)}")
    is_known = exists(field)
    meant = field if is_known else nearest_field(field)
    tables = [value for value in values if isinstance(value, Mapping)]
    if meant == "training.seed" or (field == "training" and any("seed" in one for one in tables)):
        raise RecipeError(
            f"seeds must be the same for every variant: `{field}` cannot vary",
            hint="`--seeds 20` (`seeds=20`) repeats each variant with 20 seeds",
        )
    if field == "title":
        raise RecipeError(
            "what varies must make a difference to the training: `title`",
            hint="variants are named after what varies",
        )
    if not is_known:
        raise RecipeError(
            f"what varies must be a field that exists: {spelled(field)}",
            hint=f"did you mean {meant!r}?" if meant else "`descend schema` prints every field",
        )


def check_distinct(what: str, values: Iterable[Any]) -> None:
    """Raise a RecipeError where two of the values are the same."""
    seen: set[Hashable] = set()
    for value in values:
        key = identity(value)
        if key in seen:
            raise RecipeError(
                f"{what} must differ: {spelled(value)} is given twice",
                hint="`--seeds 20` (`seeds=20`) repeats each variant with 20 seeds",
            )
        seen.add(key)


def identity(value: Any) -> Hashable:
    """Equal for values that a recipe takes for the same: 1 and 1.0, a name and its bare table."""
    if isinstance(value, Mapping):
        if set(value) == {"name"}:
            return identity(value["name"])
        return frozenset((key, identity(item)) for key, item in value.items())
    if isinstance(value, list | tuple):
        return tuple(identity(item) for item in value)
    if isinstance(value, bool):
        return ("true" if value else "false",)  # which would be equal to 1 and 0
    return value if isinstance(value, Hashable) else repr(value)
