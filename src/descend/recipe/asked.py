"""Asked: a recipe as somebody wrote it, be it possible or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descend.recipe.complaints import UNKNOWN, ImpossibleRecipe, Problem
from descend.recipe.recipe import Recipe, edited_tree

NEEDED = "units"  # what a layer is nothing without


@dataclass(frozen=True)
class Asked:
    """What was asked for, and what is possible of it.

    tree: as it was written; problems: why it is impossible, none for a recipe that is not; recipe:
    what is left without the fields that these are about, which are left open.
    """

    tree: Mapping[str, Any]
    recipe: Recipe
    problems: Sequence[Problem] = ()

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Asked:
        """What a plain tree asks for.

        Raises ImpossibleRecipe where it is no recipe at all: with fields that do not exist, without
        a source of examples, with anything else in place of a table.
        """
        recipe, problems = Recipe.sound_part(tree)
        if any(map(_is_no_recipe, problems)):
            raise ImpossibleRecipe(problems)
        return cls(tree, recipe.edited(left_open(problems)), problems)

    def edited(self, edits: Mapping[str, Any]) -> Asked:
        """The same with fields changed by dotted name, as in `Recipe.edited`."""
        return self.of(edited_tree(self.tree, edits))


def left_open(problems: Sequence[Problem]) -> dict[str, None]:
    """The edits that leave the fields at fault open."""
    return {field: None for problem in problems for field in [openable(problem.field)]}


def openable(field: str) -> str:
    """A field, or the one that it is a part of, that can be left open."""
    *path, last = field.split(".")
    if last == NEEDED:
        return whole(field)
    if last.isdecimal():
        return openable(".".join(path))
    return ".".join(path) if last == "name" else field


def whole(field: str) -> str:
    """The field of a table that this one is a part of, or itself: `training.early_stopping`."""
    return ".".join(field.split(".")[:2])


def _is_no_recipe(problem: Problem) -> bool:
    is_table = "." not in problem.field
    return is_table or problem.field == "data.source" or problem.expected == UNKNOWN
