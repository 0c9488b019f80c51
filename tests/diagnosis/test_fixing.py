"""A cured recipe reads as what it is, and says what was there before."""

from __future__ import annotations

from typing import Any

import pytest

from descend.diagnosis.fixing import cured_toml
from descend.recipe import Recipe

SICK = Recipe.of(
    {
        "title": "a sick one",
        "data": {"source": "digits"},
        "network": {"hidden": [8, 8], "init": {"name": "normal", "std": 2.0}},
        "training": {"lr": 3.0},
    }
)


@pytest.mark.parametrize(
    "edits",
    [
        {"training.lr": 0.001},
        {"training.lr": None},
        {"network.init": "he_normal"},
        {"network.init": {"name": "normal", "std": 0.1}},
        {"network.init.std": 0.1},
        {"network.hidden": [16]},
        {"network.batch_norm": "before", "data.scale": "standard", "training.optimizer": "sgd"},
    ],
)
def test_the_cured_recipe_reads_back_as_the_edited_one(edits: dict[str, Any]) -> None:
    """Comments change nothing, and there is one for each edit."""
    text = cured_toml(SICK, edits, {"training.lr": "D208 rate-too-high"})
    assert Recipe.from_toml(text) == SICK.edited(edits)
    assert text.count("was ") >= len(edits)


def test_a_comment_says_what_was_there_and_why_it_went() -> None:
    """The line of the field bears it."""
    text = cured_toml(SICK, {"training.lr": 0.001}, {"training.lr": "D208 rate-too-high"})
    assert "lr = 0.001  # was 3.0: D208 rate-too-high" in text
