"""What is known of every network: from its stacks, round after round."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import polars
import pytest

from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal
from descend.comparison.results import Result, collect, matrix, table
from descend.comparison.rounds import PlannedStack, Round, Source
from descend.comparison.variants import Variant
from descend.recipe import Recipe
from descend.runs import files

GOAL = Goal("test/loss", "test/accuracy", 0.8)
RECIPE = Recipe.of({"data": {"source": "moons"}})
VARIANTS = [Variant(name, {}, RECIPE, 10) for name in ("a", "b", "c")]
FACTS: dict[str, Any] = {"seeds": [], "device": "cpu", "threads": 1, "data": {}}


@pytest.fixture
def folder(tmp_path: Path) -> ComparisonFolder:
    made = ComparisonFolder(tmp_path)
    made.stacks.mkdir()
    return made


def stack(
    folder: ComparisonFolder,
    name: str,
    status: str,
    runs: list[tuple[str, int, float]] | None = None,
    curves: dict[str, list[Any]] | None = None,
    **facts: Any,
) -> None:
    """A stack's folder as far as results are read from it; runs: status, epochs, accuracy."""
    place = folder.stack(name)
    place.path.mkdir()
    told = [
        {"seed": 0, "status": own, "epochs": epochs, "metrics": {"test/accuracy": value}}
        for own, epochs, value in runs or ()
    ]
    own = {"runs": told, "seconds": 6.0} if runs is not None else {}
    place.write_facts({**FACTS, "status": status, **own, **facts})
    if runs is not None:
        frame = polars.DataFrame(curves or {"run": [0], "epoch": [1], "test/accuracy": [0.0]})
        files.write_table(place.metrics, frame)


MEMBERS = ((0, 5), (1, 5), (2, 5))
ONE = [Round((PlannedStack("1-001", MEMBERS),))]


def test_a_stack_that_is_not_there_yet_waits(folder: ComparisonFolder) -> None:
    """So does one that has only begun; an interrupted one says so, a failed one why."""
    assert {one.status for one in collect(folder, ONE, GOAL, VARIANTS)} == {"waiting"}
    for status, expected in (("running", "waiting"), ("interrupted", "interrupted")):
        stack(folder, "1-001", status)
        found = collect(folder, ONE, GOAL, VARIANTS)
        assert [one.status for one in found] == [expected] * 3
        folder.stack("1-001").remove()
    stack(folder, "1-001", "failed", reason="no memory")
    assert {(one.status, one.reason) for one in collect(folder, ONE, GOAL, VARIANTS)} == {
        ("failed", "no memory")
    }


def test_each_network_has_its_own_end_and_its_share_of_the_time(folder: ComparisonFolder) -> None:
    """The mark is reached at the first evaluated epoch that is as good."""
    runs = [("finished", 9, 0.9), ("diverged", 2, math.nan), ("stopped early", 6, 0.7)]
    curves: dict[str, list[Any]] = {
        "run": [0, 0, 0, 0, 1, 2],
        "epoch": [1, 3, 6, 9, 2, 6],
        "test/accuracy": [0.1, None, 0.8, 0.9, math.nan, 0.79],
    }
    stack(folder, "1-001", "finished", runs, curves)
    first, second, third = collect(folder, ONE, GOAL, VARIANTS)
    assert (first.status, first.epochs, first.target_epoch, first.target_step) == (
        *("finished", 9, 6, 60),
    )
    assert (second.status, second.target_epoch) == ("diverged", None)
    assert math.isnan(second.value("test/accuracy"))
    assert (third.status, third.target_step) == ("stopped early", None)
    assert {one.seconds for one in (first, second, third)} == {2.0}
    assert math.isnan(first.value("test/loss"))  # it has none


def test_a_loss_reaches_its_mark_from_above(folder: ComparisonFolder) -> None:
    """And that of the training part is the evaluated one, not the mean of the steps."""
    curves: dict[str, list[Any]] = {
        "run": [0, 0, 1, 2],
        "epoch": [1, 2, 1, 1],
        "train/loss": [0.0, 0.0, 0.0, 0.0],
        "train/evaluated_loss": [0.5, 0.2, 0.3, math.nan],
    }
    stack(folder, "1-001", "finished", [("finished", 2, 0.5)] * 3, curves)
    goal = Goal("train/loss", "train/loss", 0.3)
    found = collect(folder, ONE, goal, VARIANTS)
    assert [one.target_epoch for one in found] == [2, 1, None]


def test_a_later_round_says_what_became_of_a_network(folder: ComparisonFolder) -> None:
    """Who is in none was dropped; the time of all its stacks counts."""
    rounds = [
        *[Round((PlannedStack("1-001", MEMBERS),), 3)],
        *[Round((PlannedStack("2-001", MEMBERS[1:2], (Source("1-001", (1,)),)),))],
    ]
    ends = [("paused", 3, 0.5), ("paused", 3, 0.6), ("diverged", 1, 0.5)]
    stack(folder, "1-001", "joined", ends)
    waiting = collect(folder, rounds, GOAL, VARIANTS)
    assert [one.status for one in waiting] == ["dropped", "waiting", "diverged"]
    stack(folder, "2-001", "finished", [("finished", 9, 0.95)])
    found = collect(folder, rounds, GOAL, VARIANTS)
    assert [one.status for one in found] == ["dropped", "finished", "diverged"]
    assert [one.epochs for one in found] == [3, 9, 1]
    assert found[1].seconds == 6.0 / 3 + 6.0
    assert (found[1].stack, found[1].run) == ("2-001", 0)
    # while the first round was the last one, its paused networks had only to wait
    first = collect(folder, rounds[:1], GOAL, VARIANTS)
    assert [one.status for one in first] == ["waiting", "waiting", "diverged"]


def test_a_failure_in_a_later_round_keeps_no_numbers(folder: ComparisonFolder) -> None:
    """What was reached before is no end."""
    second = Round((PlannedStack("2-001", MEMBERS[:1], (Source("1-001", (0,)),)),))
    rounds = [Round((PlannedStack("1-001", MEMBERS),), 3), second]
    stack(folder, "1-001", "joined", [("paused", 3, 0.5)] * 3)
    stack(folder, "2-001", "failed", reason="no memory")
    first, *others = collect(folder, rounds, GOAL, VARIANTS)
    assert (first.status, first.metrics, first.reason) == ("failed", {}, "no memory")
    assert {one.status for one in others} == {"dropped"}


def test_a_matrix_has_a_row_for_each_variant_and_a_column_for_each_seed() -> None:
    """NaN where a network has no number or is not there."""
    results = [
        Result(2, 7, "finished", 1, {"test/loss": 0.5}),
        Result(0, 5, "finished", 1, {"test/loss": 0.25}),
        Result(0, 7, "diverged", 1, {"test/loss": 0.125}),
        Result(1, 5, "finished", 1, {"test/loss": 9.0}),
    ]
    values = matrix(results, [0, 2], [5, 7], "test/loss")
    np.testing.assert_array_equal(values, [[0.25, math.nan], [math.nan, 0.5]])


def test_a_table_has_one_row_for_each_network() -> None:
    """With the types that it would have if nothing were missing."""
    results = [
        Result(0, 2**62, "finished", 9, {"test/loss": 0.5}, 1.5, 3, 30, "1-001", 0),
        Result(1, 5, "waiting"),
    ]
    made = table(results, VARIANTS)
    assert made["variant"].to_list() == ["a", "b"]
    assert made["seed"].to_list() == [2**62, 5]
    assert made["target_step"].to_list() == [30, None]
    assert made["test/loss"][0] == 0.5
    assert math.isnan(made["test/loss"][1])
    assert table(results[1:], VARIANTS).schema["target_epoch"] == polars.Int64
