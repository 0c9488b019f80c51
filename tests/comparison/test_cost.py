"""What a run is said to need in memory and steps, against what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from descend.comparison.cost import (
    cores,
    examples_bytes,
    measured_seconds,
    rows_of,
    run_bytes,
    stack_bytes,
    state_bytes,
    steps_of,
    work_seconds,
)
from descend.intake import complete_with_examples
from descend.memory import free_bytes
from descend.network.architecture import architecture_of, parameters_of
from descend.recipe import Recipe
from descend.runs.edits import seeded
from descend.training.training import Training
from tests.training.scenes import Watching
from tests.training.test_memory import Peak, storages

DATA: dict[str, Any] = {"source": "digits", "limit": 600, "validation": 0.1, "test": 0.2}


def made(training: dict[str, Any], hidden: list[int], data: dict[str, Any] | None = None) -> Any:
    tree = {"data": data or DATA, "network": {"hidden": hidden}, "training": training}
    return complete_with_examples(Recipe.of(tree))


@pytest.mark.parametrize(
    "training",
    [
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "momentum": 0.9},
        {"optimizer": "adam"},
        {"optimizer": "adam", "amsgrad": True},
        {"optimizer": "adam", "early_stopping": {"metric": "validation/loss"}},
        {"optimizer": "lbfgs", "batch_size": "all", "history_size": 5, "max_iter": 2},
        {"optimizer": "rprop", "batch_size": "all"},
        {"optimizer": "adam", "dtype": "float64"},
        {"optimizer": "sgd", "epochs": 40, "batch_size": "all", "measure_every": 1},
    ],
    ids=lambda training: " ".join(f"{name}={value}" for name, value in training.items())[:60],
)
@pytest.mark.parametrize("hidden", [[200, 200], [8]], ids=["wide", "narrow"])
def test_a_stack_needs_no_more_memory_than_is_said_and_not_much_less(
    training: dict[str, Any], hidden: list[int]
) -> None:
    """Its largest measured size is from a third of what is said up to all of it."""
    recipe, examples = made({"epochs": 2, "batch_size": 32, **training}, hidden)
    runs = 12
    stack = Training([seeded(recipe, seed) for seed in range(runs)], examples)
    raw = sum(storages(examples).values())
    peak = Peak(stack)
    assert stack.run(peak)
    state = sum(tensor.nbytes for tensor in stack.state().values())  # a checkpoint is of views
    measured = max(peak.most, sum(storages(stack).values())) - raw
    said = stack_bytes(recipe, examples, runs)
    print(f"{said / 1e6:.1f} MB said, {measured / 1e6:.1f} measured, state {state / 1e6:.1f}")
    assert measured <= said
    assert said <= 3 * measured + stack_bytes(recipe, examples, 0)
    assert said - stack_bytes(recipe, examples, 0) == runs * run_bytes(recipe, examples)


@pytest.mark.parametrize(
    ("training", "expected"),
    [
        ({"batch_size": 32, "epochs": 3}, (19, 57)),  # 600 examples: 18 · 32 and 24
        ({"batch_size": 32, "epochs": 3, "drop_last": True}, (18, 54)),
        ({"batch_size": "all", "epochs": 3}, (1, 3)),
        ({"batch_size": 10_000, "epochs": 3}, (1, 3)),
        ({"batch_size": 32, "epochs": 3, "steps": 20}, (19, 20)),
        ({"batch_size": 32, "epochs": 3, "steps": 99}, (19, 57)),
    ],
)
def test_steps_are_those_that_a_training_takes(
    training: dict[str, Any], expected: tuple[int, int]
) -> None:
    """In an epoch and in all."""
    recipe, examples = made(training, [4])
    stack = Training([recipe], examples)
    assert steps_of(recipe, examples) == (stack.steps_per_epoch, stack.total) == expected


def test_rows_count_each_pixel() -> None:
    """A batch of 4 images of 28 × 28 pixels are 4 · 784 rows of one network."""
    recipe, examples = made({"batch_size": 4}, [4], {"source": "shapes", "examples": 30})
    pixels = examples.train.x.shape[1]
    assert pixels > 100
    assert rows_of(recipe, examples) == 4 * pixels
    whole, digits = made({"batch_size": "all"}, [4])
    assert rows_of(whole, digits) == 600


def test_a_run_is_its_weights_many_times() -> None:
    """Adam keeps two tensors beside weights and gradient; float64 doubles all of them."""
    recipe, examples = made({"optimizer": "adam", "batch_size": 1}, [500, 500])
    parameters = parameters_of(architecture_of(recipe, examples.features))
    assert state_bytes(recipe, examples) == 4 * 4 * parameters
    double = recipe.edited({"training.dtype": "float64"})
    assert state_bytes(double, examples) == 2 * state_bytes(recipe, examples)
    assert run_bytes(recipe, examples) >= 5 * 4 * parameters


def test_examples_count_once() -> None:
    """An autoencoder's targets are its inputs."""
    _, examples = made({}, [4])
    assert examples_bytes(examples) == sum(
        part.x.nbytes + part.y.nbytes for part in examples.splits.values()
    )
    _, same = made({}, [4], {**DATA, "target": "inputs"})
    assert examples_bytes(same) == sum(part.x.nbytes for part in same.splits.values())


def test_work_grows_with_steps_runs_and_width() -> None:
    """Counts alone: what is said of twice the steps is twice as much."""
    recipe, examples = made({"batch_size": 32, "epochs": 2}, [64])
    one = work_seconds(recipe, examples, 10)
    assert work_seconds(recipe.edited({"training.epochs": 4}), examples, 10) == pytest.approx(
        2 * one
    )
    assert one < work_seconds(recipe, examples, 20) < 2 * one
    assert work_seconds(made({"batch_size": 32, "epochs": 2}, [256])[0], examples, 10) > one


def test_a_measured_time_is_near_that_of_the_training() -> None:
    """Within a factor of 8, which no load of the machine excuses; benchmarks say it closer."""
    recipe, examples = made({"batch_size": 32, "epochs": 40, "evaluate": []}, [32])
    recipes = [seeded(recipe, seed) for seed in range(20)]
    stack = Training(recipes, examples)
    watching = Watching()
    said = measured_seconds(recipes, examples, 1)
    assert stack.run(watching)
    took = watching.told[-1].seconds
    print(f"{said:.2f} s said, {took:.2f} s taken")
    assert took / 8 < said < took * 8


def test_a_probe_leaves_no_trace_in_what_is_trained() -> None:
    """It trains networks of its own."""
    recipe, examples = made({"batch_size": 32, "epochs": 1}, [8])
    before = {name: part.x.clone() for name, part in examples.splits.items()}
    measured_seconds([recipe, seeded(recipe, 1)], examples, 1)
    assert all((before[name] == part.x).all() for name, part in examples.splits.items())


def test_the_machine_says_what_it_has() -> None:
    """At least a core and some memory, unless the system keeps that to itself."""
    assert cores() >= 1
    assert (free_bytes() or 1 << 30) > 10 << 20
