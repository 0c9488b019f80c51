"""`descend diagnose`: causes with exit code 2, a proof on demand, and the cured recipe."""

from __future__ import annotations

import re
from pathlib import Path

from descend.recipe import Recipe
from tests.cli.command import Descend

SLOW = ("moons", "--set", "training.lr=1e-6", "--epochs", "40", "-q")


def test_a_rate_that_is_too_small_is_named(descend: Descend) -> None:
    """The first line is the cause; what was trained for it is said; nothing is written."""
    told = descend("diagnose", *SLOW)
    assert told.code == 2
    assert "lr = " in told.out
    assert "of the planned steps" in told.out
    assert all(len(line) <= 80 for line in told.out.splitlines())
    assert list(Path().iterdir()) == []


def test_health_is_said_too(descend: Descend) -> None:
    """Exit code 0, and how many checks looked."""
    told = descend("diagnose", "digits", "--epochs", "12", "-q")
    assert told.code == 0
    assert "healthy: " in told.out


def test_a_run_is_diagnosed_from_its_folder(descend: Descend) -> None:
    """What was measured is read; --json is one document."""
    folder = descend("train", "moons", "--set", "training.lr=1e-6", "--epochs", "40").folder
    told = descend("diagnose", folder, "--json", "-q")
    assert told.code == 2
    assert told.document["run"] == str(folder)
    assert told.document["findings"]
    assert told.document["proof"] is None


def test_fix_proves_and_writes_the_cured_recipe(descend: Descend) -> None:
    """The cure is proven over seeds and stands in the file with its reason; no file is replaced."""
    told = descend("diagnose", *SLOW, "--fix", "cured.toml")
    assert "cures" in told.out
    text = Path("cured.toml").read_text()
    assert "# was 1e-06" in text
    assert Recipe.from_toml(text).training.lr != 1e-6
    again = descend("diagnose", *SLOW, "--fix", "cured.toml")
    assert again.code == 1
    assert "does not exist yet" in again.err
    assert Path("cured.toml").read_text() == text


def test_a_place_that_nothing_can_be_written_to_is_told_before_anything_is_trained(
    descend: Descend,
) -> None:
    told = descend("diagnose", *SLOW, "--fix", "nowhere/cured.toml")
    assert told.code == 1
    assert "nowhere" in told.err
    assert told.out == ""


def test_what_was_found_is_shown_before_it_is_proven(descend: Descend) -> None:
    """The diagnosis, its cost, the proof with the intervals and costs of the remedies."""
    told = descend("diagnose", *SLOW, "--prove")
    assert told.out.index("of the planned steps") < told.out.index("trainings' work")
    assert "95 %" in told.out
    assert re.search(r"lr=0.001 +8/8 +\+0\.\d+ +0\.\d+ – 0\.\d+ +1× +cures", told.out)
    assert all(len(line) <= 80 for line in told.out.splitlines())


def test_a_healthy_recipe_is_not_said_to_be_cured(descend: Descend) -> None:
    told = descend("diagnose", "xor", "--fix", "cured.toml", "-q")
    assert told.code == 0
    assert "nothing has to be cured" in told.out
    assert "cures" not in told.out
