"""Stacks that memory does not suffice for are trained in halves, down to one network."""

from __future__ import annotations

import random
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

import descend
from descend.comparison.folder import ComparisonFolder
from descend.comparison.rounds import PlannedStack, Round, Source
from descend.comparison.stacks import OUT_OF_MEMORY, TOO_LARGE
from descend.network.stack import Stack
from tests.comparison.conftest import Victim
from tests.comparison.test_comparing import compare, weights
from tests.comparison.test_interruption import KILLED, check_same, the_only
from tests.comparison.victim import let_memory_suffice_for

ERRORS = [
    None,  # what torch says on a CPU
    MemoryError("Unable to allocate 3 GiB for an array"),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 MiB"),
]


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Limits the memory of this process for as long as a test lasts."""
    monkeypatch.setattr(Stack, "__init__", Stack.__init__)
    return let_memory_suffice_for


def facts_of(folder: Path | None) -> dict[str, Any]:
    assert folder is not None
    return ComparisonFolder.open(folder).read_facts()


@pytest.mark.parametrize("error", ERRORS, ids=["allocator", "python", "cuda"])
def test_networks_of_halved_stacks_are_those_of_whole_ones(
    error: Exception | None, limit: Any, tmp_path: Path
) -> None:
    """Two stacks of six networks where there is room for two: to rounding the same weights."""
    whole = compare(tmp_path / "whole")
    assert whole.notes == []
    expected = weights(whole)
    limit(2, error)
    halved = compare(tmp_path / "halved")
    assert halved.status == "finished"
    mine = weights(halved)
    assert mine.keys() == expected.keys()
    for key, theta in expected.items():
        torch.testing.assert_close(mine[key], theta, rtol=1e-9, atol=1e-9)
    assert halved.conclusion == whole.conclusion
    (round_,) = facts_of(halved.folder)["rounds"]
    assert sorted(len(stack["members"]) for stack in round_["stacks"].values()) == [1] * 4 + [2] * 4
    assert round_["halved"] == ["1-001", "1-002", "1-001a", "1-001b", "1-002a", "1-002b"]
    assert halved.notes == halved.to_json()["notes"]
    assert halved.notes[0].startswith("memory did not suffice for 6 stacks")
    again = descend.load_comparison(halved.folder or "")
    assert (again.notes, again.conclusion) == (halved.notes, halved.conclusion)


def test_a_stack_that_fits_is_left_as_it_is(limit: Any, tmp_path: Path) -> None:
    """Beside one of four networks that is halved, the bits of one of two networks stay."""
    variants: dict[str, Any] = {
        "slow": {"training.lr": 0.01},
        "fast": {"training.lr": 0.1},
        "small": {"network.hidden": [4]},
    }
    options: dict[str, Any] = {"vary": None, "variants": variants, "seeds": 2}
    expected = weights(compare(tmp_path / "whole", **options))
    limit(2)
    halved = compare(tmp_path / "halved", **options)
    assert halved.notes[0].startswith("memory did not suffice for a stack,")
    found = weights(halved)
    for key, theta in expected.items():
        torch.testing.assert_close(found[key], theta, rtol=1e-9, atol=1e-9)
    assert all(torch.equal(found["small", seed], expected["small", seed]) for seed in range(2))


def test_one_network_that_memory_does_not_suffice_for_is_a_failed_row(limit: Any) -> None:
    """There is nothing smaller to be tried."""
    limit(0)
    comparison = compare(vary={"training.lr": [0.1, 0.2]}, seeds=2)
    assert comparison.status == "finished"
    assert {one.status for one in comparison.results} == {"failed"}
    assert {row.verdict for row in comparison.rows} == {f"failed: {OUT_OF_MEMORY}"}
    assert comparison.conclusion.startswith("Nothing can be compared")


def test_survivors_of_a_rung_are_halved_where_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Memory runs out in the second round: its networks go on from the first one all the same."""
    from descend.comparison import stacks

    rates = {"training.lr": [0.1, 0.05, 0.02, 0.01]}
    options: dict[str, Any] = {"vary": rates, "halving": 2, "seeds": 2}
    whole = compare(tmp_path / "whole", **options)
    carry_out = stacks.carry_out

    def failing(stack: Any, *arguments: Any, **given: Any) -> Any:
        if stack.path.name == "2-001":
            given["checkpoint_seconds"] = 0
            steps = iter(range(3))
            given["stop"] = lambda: next(steps, None) is None
            carry_out(stack, *arguments, **given)  # it has trained, and saved, when it happens
            raise MemoryError
        return carry_out(stack, *arguments, **given)

    monkeypatch.setattr(stacks, "carry_out", failing)
    halved = compare(tmp_path / "halved", **options)
    rounds = facts_of(halved.folder)["rounds"]
    assert [one["halved"] for one in rounds] == [[], ["2-001"], []]
    assert [row.verdict for row in halved.rows] == [row.verdict for row in whole.rows]
    mine, expected = weights(halved), weights(whole)
    for key, theta in expected.items():
        torch.testing.assert_close(mine[key], theta, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("seed", range(2))
def test_a_comparison_with_halved_stacks_that_is_killed_ends_the_same(
    seed: int, victim: Victim, halved: Path, tmp_path: Path
) -> None:
    """SIGKILL around random writes: while a stack fails, before and after its halves are noted."""
    chance = random.Random(seed)
    assert victim(out=tmp_path, room=5, hook=chance.randrange(10, 300)) == KILLED
    comparison, code = the_only(tmp_path), KILLED
    while code == KILLED:
        code = victim(comparison=comparison, room=5, hook=chance.randrange(20, 200))
    assert code == 0
    check_same(comparison, halved)


def test_memory_that_has_become_free_changes_nothing_any_more(
    victim: Victim, halved: Path, tmp_path: Path
) -> None:
    """What was halved stays so: stopped in the last round, it goes on where all would have room."""
    assert victim(out=tmp_path, room=5, told=40, signals=[signal.SIGINT]) == 0
    comparison = the_only(tmp_path)
    rounds = facts_of(comparison)["rounds"]
    if rounds == facts_of(halved)["rounds"]:
        assert victim(comparison=comparison) == 0
        check_same(comparison, halved)
    else:
        pytest.fail(f"stopped too early, in round {len(rounds)}")


@pytest.fixture(scope="module")
def halved(victim: Victim, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison with room for five networks that was never interrupted."""
    out = tmp_path_factory.mktemp("halved")
    assert victim(out=out, room=5) == 0
    folder = the_only(out)
    assert [one["halved"] for one in facts_of(folder)["rounds"]] != [[], [], []]
    assert facts_of(folder)["status"] == "finished"
    return folder


def test_halves_take_along_where_their_members_come_from() -> None:
    """Sources are cut where the members are, in the middle of one of them as well."""
    sources = (Source("1-001", (4, 7, 8)), Source("1-003", (0, 1)))
    stack = PlannedStack("2-001", ((0, 1), (0, 2), (1, 1), (1, 2), (2, 1)), sources)
    first, second = stack.halves()
    assert (first.name, second.name) == ("2-001a", "2-001b")
    assert first.members + second.members == stack.members
    assert first.sources == (Source("1-001", (4, 7, 8)),)
    assert second.sources == (Source("1-003", (0, 1)),)
    low, high = first.halves()
    assert (low.sources, high.sources) == (
        (Source("1-001", (4, 7)),),
        (Source("1-001", (8,)),),
    )
    ending = PlannedStack("2-002", stack.members[:4], (Source("1-001", (0, 1, 2)), sources[1]))
    assert ending.halves()[1].sources == (Source("1-001", (2,)), Source("1-003", (0,)))


def test_a_round_with_halved_stacks_is_read_back_as_it_was() -> None:
    """The others stay where they are; a round of an earlier version has none."""
    members = ((0, 0), (0, 1))
    before = Round((PlannedStack("1-001", members), PlannedStack("1-002", members)), until=3)
    after = before.halving({"1-002"})
    assert [stack.name for stack in after.stacks] == ["1-001", "1-002a", "1-002b"]
    assert (after.halved, after.until) == (("1-002",), 3)
    assert Round.from_json(after.to_json()) == after
    document = before.to_json()
    del document["halved"]
    assert Round.from_json(document) == before
    assert TOO_LARGE not in document
