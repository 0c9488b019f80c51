"""What is wrong with a recipe, as sentences: the field, the value, what was expected, the nearest name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, PydanticCustomError

from descend.errors import RecipeError
from descend.recipe.names import nearest


@dataclass(frozen=True)
class Problem:
    """One field that cannot be as it was given."""

    field: str
    given: Any
    expected: str
    nearest: str | None = None

    def __str__(self) -> str:
        guess = f" (did you mean {self.nearest!r}?)" if self.nearest else ""
        return f"`{self.field}` must be {self.expected}: {self.given!r}{guess}"


def wrong_name(given: object, names: Sequence[str]) -> PydanticCustomError:
    """The error of a value that is none of `names`."""
    listed = ", ".join(names)
    context = {"expected": f"one of {listed}", "nearest": nearest(given, names)}
    return PydanticCustomError("wrong_name", "must be one of {expected}", context)


def impossible(problems: Iterable[Problem]) -> PydanticCustomError:
    """The error of fields that are each possible but not together."""
    return PydanticCustomError("impossible", "impossible together", {"problems": tuple(problems)})


def report(error: ValidationError, fields: Sequence[str]) -> RecipeError:
    """Every problem of a failed validation, in one error; `fields` are the dotted names that exist."""
    problems: list[Problem] = []
    for detail in error.errors(include_url=False):
        problems += _problems_of(detail, fields)
    return complain(problems)


def complain(problems: Sequence[Problem]) -> RecipeError:
    """A RecipeError that names every problem, one a line."""
    if len(problems) == 1:
        message = str(problems[0])
    else:
        listed = "\n".join(f"  {problem}" for problem in problems)
        message = f"the recipe has {len(problems)} problems:\n{listed}"
    error = RecipeError(message, hint="`descend schema` prints every field, its type and its choices")
    error.problems = tuple(problems)
    return error


def _problems_of(detail: ErrorDetails, fields: Sequence[str]) -> list[Problem]:
    field = ".".join(str(part) for part in detail["loc"])
    context = detail.get("ctx", {})
    given = detail.get("input")
    match detail["type"]:
        case "impossible":
            prefix = f"{field}." if field else ""
            return [
                Problem(prefix + problem.field, problem.given, problem.expected, problem.nearest)
                for problem in context["problems"]
            ]
        case "wrong_name":
            return [Problem(field, given, context["expected"], context["nearest"])]
        case "extra_forbidden":
            return [Problem(field, given, "a field that exists", nearest_field(field, fields))]
        case "missing":
            return [Problem(field, None, "given")]
        case kind:
            return [Problem(field, given, _EXPECTED.get(kind, detail["msg"]).format(**context))]


def nearest_field(field: str, fields: Sequence[str]) -> str | None:
    """The dotted name that `field` was most likely meant to be: first in its own table, then anywhere."""
    table, _, last = field.rpartition(".")
    siblings = {name.rpartition(".")[2]: name for name in fields if name.rpartition(".")[0] == table}
    if (close := nearest(last, siblings)) is not None:
        return siblings[close]
    by_last = {name.rpartition(".")[2]: name for name in fields}
    close = nearest(last, by_last)
    return by_last[close] if close else None


_EXPECTED = {
    "greater_than": "greater than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "model_type": "a table",
    "model_attributes_type": "a table",
    "dict_type": "a table",
}
