"""What a training holds in memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

import descend.optimizers.rule as rule_module
from descend.data.arrays import from_arrays
from descend.recipe import Data
from descend.training.history import History
from descend.training.training import Training
from tests.training.scenes import Watching, training_of, tree_of

RUNS, FEATURES, UNITS, BATCH, EXAMPLES = 4, 20, 512, 2, 20


def storages(root: Any, leaving_out: Iterable[Any] = ()) -> dict[int, int]:
    """The bytes of every tensor's memory that can be reached from an object, once each."""
    seen = {id(thing) for thing in leaving_out}
    found: dict[int, int] = {}
    waiting = deque([root])
    while waiting:
        thing = waiting.popleft()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        if isinstance(thing, Tensor):
            storage = thing.untyped_storage()
            found[storage.data_ptr()] = storage.nbytes()
        elif isinstance(thing, dict):
            waiting.extend(thing.values())
        elif isinstance(thing, list | tuple | set | deque):
            waiting.extend(thing)
        elif hasattr(thing, "__dict__") and not isinstance(thing, type):
            waiting.extend(vars(thing).values())
    return found


class Peak(Watching):
    """Looks at the memory between advances."""

    def __init__(self, training: Training) -> None:
        super().__init__()
        self.training, self.most = training, 0

    def wants_to_stop(self) -> bool:
        self.most = max(self.most, sum(storages(self.training).values()))
        return False


@pytest.mark.parametrize(
    ("settings", "copies"),
    [
        ({"optimizer": "adam"}, 4),  # weights, gradient, mean, mean square
        ({"optimizer": "adam", "early_stopping": {"metric": "validation/loss"}}, 5),
        ({"optimizer": "adam", "amsgrad": True}, 5),
        ({"optimizer": "sgd", "momentum": 0.9}, 3),
    ],
    ids=["adam", "early stopping", "amsgrad", "momentum"],
)
def test_a_stack_needs_five_times_its_parameters_a_batch_and_the_data(
    settings: dict[str, Any], copies: int
) -> None:
    """Everything that a training can reach between two advances, and once it has ended."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(EXAMPLES, FEATURES)).astype(np.float32)
    fields: dict[str, Any] = {"source": "arrays", "validation": 0.2, "test": 0.2}
    examples = from_arrays(x, (x[:, 0] > 0).astype(np.int64), Data(**fields))
    tree = tree_of("multiclass", dtype="float32", batch_size=BATCH, epochs=3, **settings)
    tree = {**tree, "data": fields, "network": {"hidden": [UNITS, UNITS]}}
    training = training_of(tree, range(RUNS), data=examples)
    peak = Peak(training)
    assert training.run(peak)
    theta = training.stack.theta.nbytes
    data = sum(storages(examples).values()) * 2  # raw, and prepared where it is so small
    # outputs and slopes of each layer for a batch, and outputs for all that are scored at once
    activations = 4 * RUNS * (2 * BATCH + EXAMPLES) * (FEATURES + 4 * UNITS)
    others = data + activations + 200_000  # states of generators, order, curves, trace
    print(f"{peak.most / theta:.2f} times the parameters, {others / theta:.2f} of them others")
    assert others < theta, "one more copy would not show"
    assert peak.most <= copies * theta + others
    assert copies <= 5
    ended = sum(storages(training).values())
    assert ended <= peak.most
    assert training.whole_stack() is training.stack


class Largest(TorchDispatchMode):
    """The most bytes that a tensor that is made meanwhile has in its memory."""

    most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = func(*args, **(kwargs or {}))
        known = storages([args, kwargs])
        new = [size for place, size in storages(given).items() if place not in known]
        self.most = max([self.most, *new])
        return given


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", "sgd"])
def test_a_measured_step_copies_an_eighth_of_the_weights(
    optimizer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that a measured step makes for itself is larger, so that five copies are enough."""
    monkeypatch.setattr(rule_module, "PART", 1)
    tree = tree_of("multiclass", optimizer=optimizer, batch_size=2, measure_every=1, epochs=1)
    tree["network"]["hidden"] = [600, 600]
    training = training_of(tree, [1, 2])
    training.batches.start_epoch()
    training.executor.advance(0, training.batches.walk(0, 1), training.active)
    with Largest() as made:
        training.executor.advance(1, training.batches.walk(1, 2), training.active)
    theta = training.stack.theta
    assert 0.1 * theta.nbytes < made.most < 0.13 * theta.nbytes


def test_nothing_of_a_sample_is_kept_but_its_measurements() -> None:
    """Weights, gradients and activations that are copied for a sample are gone in the end."""
    training = training_of(tree_of("multiclass", optimizer="adam", epochs=2, measure_every=1), [1])
    assert training.run(Watching())
    trace = training.trace
    kept = sum(storages(trace).values())
    measurements = trace.values.nbytes + trace.losses.nbytes + trace.present.nbytes
    assert kept <= measurements + trace.runs  # and one row that says that all runs are there


def test_curves_of_many_runs_and_epochs_are_made_at_once() -> None:
    """200 runs of 10,001 epochs, two million rows, are a table in less than two seconds."""
    history = History(200)
    active = torch.arange(200)
    for first in range(0, 10_001, 256):
        history.add_epochs(torch.rand(min(256, 10_001 - first), 200), active)
    history.add_metrics(10_000, {"test/loss": torch.rand(200)}, active)
    begin = time.process_time()
    frame = history.frame()
    assert time.process_time() - begin < 2.0
    assert frame.height == 200 * 10_001
    assert frame["test/loss"].null_count() == 200 * 10_000
    assert sum(storages(history).values()) < 200 * 10_001 * 8 * 1.1


def test_curves_grow_without_copies() -> None:
    """Ending thousands of epochs one by one, as a plateau needs it, is not quadratic."""
    history = History(100)
    active = torch.arange(100)
    losses = torch.rand(2, 100)
    begin = time.process_time()
    for _ in range(4_000):
        history.add_steps(losses, active)
        history.end_epoch()
        assert len(history.last_losses) == 100
    assert time.process_time() - begin < 2.0
