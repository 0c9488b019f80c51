"""Edits: how the networks of one run differ in their recipes and seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from descend.errors import RecipeError
from descend.recipe import Recipe
from descend.recipe.fields import plain

Edits = Mapping[str, Any]


def seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed; validating a thousand of them anew takes a second."""
    training = recipe.training.model_copy(update={"seed": seed})
    return recipe.model_copy(update={"training": training})


def seeds_of(recipe: Recipe, seeds: int | Sequence[int] | None) -> list[int]:
    """The seeds that are meant: the recipe's own, so many from it on, or these; RecipeError."""
    first, count = recipe.training.seed, plain(seeds)
    if count is None:
        return [first]
    if is_whole(count) and count > 0:
        return list(range(first, first + count))
    chosen = [plain(seed) for seed in count] if isinstance(count, list) else []
    is_seed = [is_whole(seed) and 0 <= seed < 2**63 for seed in chosen]
    if not chosen or not all(is_seed) or len(set(chosen)) < len(chosen):
        raise RecipeError(
            f"`seeds` must be how many, 1 or more, or which, each once: {seeds!r}",
            hint="seeds=20 means twenty networks, seeds=[3, 7] these two",
        )
    return chosen


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; True and False are none."""
    return isinstance(value, int) and not isinstance(value, bool)


def edits_of(recipes: Sequence[Recipe]) -> list[dict[str, Any]]:
    """How each recipe differs from the first one, seeds aside: what `recipes_of` takes back."""
    first = recipes[0]
    before, edits = first, {}
    found = []
    for recipe in recipes:
        alike = seeded(recipe, first.training.seed)
        if alike != before:  # the seeds of one variant follow each other
            before, edits = alike, first.differences(alike)
        found.append(edits)
    return found


def recipes_of(recipe: Recipe, facts: Mapping[str, Any]) -> list[Recipe]:
    """The recipe of each network of a run: that of the folder, edited and seeded."""
    seeds = facts["seeds"]
    edits: Sequence[Edits] = facts.get("edits") or [{}] * len(seeds)
    made: dict[str, Recipe] = {}
    recipes = []
    for seed, own in zip(seeds, edits, strict=True):
        key = json.dumps(own)
        if key not in made:
            made[key] = recipe.edited(own) if own else recipe
        recipes.append(seeded(made[key], seed))
    return recipes
