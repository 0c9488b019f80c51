"""What to run, as an immutable and validated value: `Recipe(data, network, training)`."""

from descend.recipe.complaints import Problem
from descend.recipe.model import Data, EarlyStopping, Init, Layer, Network, Schedule, Training
from descend.recipe.recipe import Recipe, json_schema

__all__ = [
    "Data",
    "EarlyStopping",
    "Init",
    "Layer",
    "Network",
    "Problem",
    "Recipe",
    "Schedule",
    "Training",
    "json_schema",
]
