"""Edits: how the networks of one run differ in their recipes and seeds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from descend.recipe import Recipe

Edits = Mapping[str, Any]


def seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed; validating a thousand of them anew takes a second."""
    training = recipe.training.model_copy(update={"seed": seed})
    return recipe.model_copy(update={"training": training})


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
