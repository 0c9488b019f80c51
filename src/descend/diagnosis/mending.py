"""Mending: edits that make a recipe possible, one for each thing that makes it impossible."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from descend.data.examples import Examples
from descend.errors import DescendError
from descend.findings.finding import Remedy
from descend.intake import completed_for
from descend.recipe.asked import Asked, openable, whole
from descend.recipe.complaints import ImpossibleRecipe, Problem
from descend.recipe.defaults import with_scales


def remedy_for(problem: Problem, asked: Asked, examples: Examples | None) -> Remedy | None:
    """The edit after which nothing is wrong with the field any more: what was meant, or nothing.

    None where there is none, as for a width that somebody has to choose.
    """
    for edits, why in _candidates(problem):
        if problem.field not in _problems_with(edits, asked, examples):
            return Remedy(edits, why)
    return None


def _candidates(problem: Problem) -> Iterator[tuple[dict[str, Any], str]]:
    if problem.nearest is not None and isinstance(problem.given, str):
        yield {problem.field: problem.nearest}, "the nearest name"
    for field in dict.fromkeys((openable(problem.field), whole(problem.field))):
        yield {field: None}, "chosen to suit the rest"


def _problems_with(edits: Mapping[str, Any], asked: Asked, examples: Examples | None) -> set[str]:
    """The fields that are still impossible after the edits."""
    try:
        edited = asked.edited(edits)
        found = {problem.field for problem in edited.problems}
        if examples is not None and not found:
            completed_for(with_scales(edited.recipe), examples)
    except ImpossibleRecipe as error:
        return {problem.field for problem in error.problems}
    except DescendError:  # of something else
        return set()
    return found
