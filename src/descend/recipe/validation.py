"""Validation of a whole tree: every problem is found, also those behind other problems."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from descend.recipe.complaints import ABSENT, UNKNOWN, ImpossibleRecipe, Problem
from descend.recipe.fields import plain
from descend.recipe.known import known_fields, nearest_field, without_places

Location = tuple[str | int, ...]
Model = TypeVar("Model", bound=BaseModel)

STAND_INS = {
    "data": {"source": "xor"},
    "source": "xor",
    "units": 1,
}  # for fields that must be there
ELEMENTS = {"hidden": 1, "layers": {"units": 1}}  # for elements of lists that others look at


def validate(model: type[Model], tree: dict[str, Any]) -> Model:
    """The model of a plain tree, which is used up; raises ImpossibleRecipe with every problem."""
    valid, problems = sound_part(model, tree)
    if problems:
        raise ImpossibleRecipe(problems)
    return valid


def sound_part(model: type[Model], tree: dict[str, Any]) -> tuple[Model, list[Problem]]:
    """The model of what is right in a plain tree, which is used up, and every problem of the rest.

    Validation of a field ends at its first fault, and what concerns several fields is looked at
    only once each is right. So values that are wrong are set aside, and the rest is validated
    again, until nothing is wrong any more. Raises ImpossibleRecipe where that is never so.
    """
    given = plain(tree)
    found: list[Problem] = []
    told: set[Location] = set()
    while True:
        try:
            valid = model.model_validate(tree)
        except ValidationError as error:
            details = error.errors(include_url=False)
            pairs = [pair for detail in details for pair in _problems_of(detail, model)]
            new = [(place, problem) for place, problem in pairs if place not in told]
            for place, problem in new:
                told.add(place)
                found.append(_as_given(problem, place, given))
                _set_aside(tree, place, problem)
            if new:
                continue
            raise ImpossibleRecipe(_sorted(found, model)) from None
        return valid, _sorted(found, model)


def _problems_of(detail: ErrorDetails, model: type[BaseModel]) -> list[tuple[Location, Problem]]:
    place: Location = detail["loc"]
    field = ".".join(str(key) for key in place)
    context = detail.get("ctx", {})
    given = detail.get("input")
    match detail["type"]:
        case "impossible":
            problems = [problem.below(field) for problem in context["problems"]]
            below = len(place)
            return [(place + _places(problem.field)[below:], problem) for problem in problems]
        case "unexpected":
            problem = Problem(field, given, context["expected"], context["nearest"])
        case "extra_forbidden":
            problem = Problem(field, given, UNKNOWN, nearest_field(field, model))
        case "invalid_key":
            problem = Problem(field, given, UNKNOWN)
        case "missing":
            problem = Problem(field, ABSENT, "given")
        case kind:
            problem = Problem(field, given, _EXPECTED.get(kind, detail["msg"]))
    return [(place, problem)]


_EXPECTED = {
    "dict_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list",
}


def _places(field: str) -> Location:
    return tuple(int(key) if key.isdecimal() else key for key in field.split("."))


def _as_given(problem: Problem, place: Location, tree: Any) -> Problem:
    """The problem with its list as it was given, where elements of it have been set aside."""
    for key in place:
        tree = _child(tree, key)
    return replace(problem, given=tree) if isinstance(tree, list) else problem


def _set_aside(tree: Any, place: Location, problem: Problem) -> None:
    """Take a wrong value out of the tree, or put what was meant in its place, or what is valid."""
    is_lacking = problem.given is ABSENT and place[-1] not in STAND_INS
    if is_lacking or place[-1:] == ("name",):  # a choice with options is nothing without these
        place = place[:-1]
    _replace(tree, place or ("",), problem)


def _replace(tree: Any, place: Location, problem: Problem) -> None:
    *path, last = place
    node = tree
    for key in path:
        node = _child(node, key)
    if last in STAND_INS and isinstance(node, dict):
        node[last] = plain(STAND_INS[last])
    elif isinstance(node, list) and isinstance(last, int) and path[-1] in ELEMENTS:
        node[last] = plain(ELEMENTS[str(path[-1])])
    elif isinstance(node, list):
        _replace(tree, place[:-1], problem)
    elif isinstance(node, dict):
        is_misspelt = problem.nearest is not None and problem.expected != UNKNOWN
        if is_misspelt and isinstance(node.get(last), str):
            node[last] = problem.nearest
        else:
            node.pop(last, None)


def _child(node: Any, key: str | int) -> Any:
    try:
        return node[key]
    except (KeyError, IndexError, TypeError):
        return None


def _sorted(problems: Sequence[Problem], model: type[BaseModel]) -> list[Problem]:
    """In the order of the fields; one that does not exist where its table is."""
    order = {name: place for place, name in enumerate(known_fields(model))}

    def place_of(problem: Problem) -> int:
        name = without_places(problem.field)
        while name and name not in order:
            name = name.rpartition(".")[0]
        return order.get(name, len(order))

    return sorted(problems, key=place_of)
