"""Runs that go on in a stack made of others are those that would have gone on in their own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from descend.training.joining import can_join, join
from tests.training.scenes import Watching, everything, rows, same_bits, training_of, tree_of

KINDS: dict[str, dict[str, Any]] = {
    "adam": {},
    "momentum and a schedule": {
        "optimizer": "sgd",
        "momentum": 0.9,
        "schedule": {"name": "cosine"},
    },
    "plateau": {"schedule": {"name": "plateau", "patience": 1}, "evaluate": ["validation"]},
    "lbfgs": {"optimizer": "lbfgs", "batch_size": "all", "epochs": 8, "max_iter": 2},
    "early stopping": {"early_stopping": {"patience": 3}},
    "asgd": {"optimizer": "asgd"},
    "evaluated": {"evaluate": ["train", "test"], "evaluate_every": 2},
}


def paused(tree: dict[str, Any], seeds: list[int], step: int) -> dict[str, torch.Tensor]:
    training = training_of(tree, seeds)
    watching = Watching()
    assert not training.run(watching, step)
    return watching.saved[-1]


@pytest.mark.parametrize("kind", KINDS)
def test_joined_runs_go_on_as_they_would_have(kind: str) -> None:
    """Picked from two stacks at an epoch's end, runs end with the bits of their own stacks."""
    tree = tree_of(**KINDS[kind])
    tree["network"]["batch_norm"] = "before"
    whole = training_of(tree, [0, 1, 2, 3, 4])
    assert whole.run(Watching())
    step = 2 * whole.steps_per_epoch
    parts = [(paused(tree, [0, 1, 2], step), [2, 0]), (paused(tree, [3, 4], step), [1])]
    assert can_join([state for state, _ in parts])
    joined = training_of(tree, [2, 0, 4])
    joined.load_state(join(parts))
    assert joined.step == step
    assert joined.run(Watching())
    theta = joined.whole_stack().theta
    assert torch.allclose(theta, whole.whole_stack().theta[[2, 0, 4]], rtol=1e-9, atol=1e-9)
    for place, run in enumerate((2, 0, 4)):
        mine = rows(joined.history.frame(), place)
        its = rows(whole.history.frame(), run)
        assert mine.columns == its.columns
        assert torch.allclose(mine.to_torch(), its.to_torch(), equal_nan=True, rtol=1e-9)
        assert len(rows(joined.trace.frame(), place)) == len(rows(whole.trace.frame(), run))


def test_all_runs_of_one_stack_joined_are_that_stack() -> None:
    """Joining a single stack with all its runs changes no bit of anything."""
    tree = tree_of()
    whole = training_of(tree, [0, 1, 2])
    whole.run(Watching())
    again = training_of(tree, [0, 1, 2])
    again.load_state(join([(paused(tree, [0, 1, 2], 2 * whole.steps_per_epoch), [0, 1, 2])]))
    again.run(Watching())
    assert same_bits(everything(whole), everything(again))


def test_a_run_that_diverged_stays_as_it_was() -> None:
    """What has left its stack comes along with the weights and the status it left with."""
    tree = tree_of("regression", optimizer="sgd", lr=0.01, measure_first=0, measure_every=0)
    tree["network"]["activation"] = "relu"
    training = training_of(tree, [0, 1], [{}, {"training.lr": 1e160}])
    watching = Watching()
    assert not training.run(watching, 2 * training.steps_per_epoch)
    assert training.status == ["running", "diverged"]
    state = watching.saved[-1]
    joined = training_of(tree, [1, 0], [{"training.lr": 1e160}, {}])
    joined.load_state(join([(state, [1, 0])]))
    assert joined.status == ["diverged", "running"]
    assert torch.equal(joined.departed[0][0], state["departed/1/theta"])
    assert joined.active.tolist() == [1]


def test_stacks_at_different_steps_cannot_join() -> None:
    """A state of another step is none to go on from together."""
    tree = tree_of()
    assert not can_join([paused(tree, [0], 4), paused(tree, [1], 5)])
