"""What to run, as an immutable and validated value: `Recipe(data, network, training)`."""

from descend.recipe.complaints import Problem
from descend.recipe.edits import parse_edit, parse_value
from descend.recipe.init import Init
from descend.recipe.model import Data, Layer, Network
from descend.recipe.recipe import Recipe, json_schema
from descend.recipe.training import EarlyStopping, Schedule, Training

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
    "parse_edit",
    "parse_value",
]
