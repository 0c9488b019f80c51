"""Cost: the memory that a run takes in a stack, and the time that its steps take."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from functools import lru_cache
from time import perf_counter
from typing import Any

import torch

from descend.compute import cpu_threads
from descend.data.examples import Examples
from descend.network.architecture import architecture_of, parameters_of
from descend.optimizers.build import build
from descend.recipe import Recipe
from descend.training.evaluation import CHUNK_BYTES
from descend.training.training import Training

BUFFERS = 4  # of a layer's width for each example: its sum, its output, and the slopes of both
PROBED_RUNS = 16  # from so many on the runs of a tiny network lie innermost
PROBED_STEPS = 20
PROBE_SECONDS = 0.1
# Fitted to 26 stacks, from one XOR network to 784-1024-1024-10: two thirds of them take the time
# given within a third, all within a factor of two.
SMALL_LAYER = 16e-6  # seconds of Python and of some ten tensor operations in every step
FLOPS, BYTES = 200e9, 16e9  # a core's pace on matrix products, and on numbers in memory
PASSES = 10  # over each layer's outputs, for activations, their slopes and the loss


def steps_of(recipe: Recipe, examples: Examples) -> tuple[int, int]:
    """Steps in an epoch and in the whole training of a completed recipe."""
    given, count = recipe.training, len(examples.train)
    assert given.epochs is not None
    size = count if given.batch_size in (None, "all") else min(int(given.batch_size), count)
    per_epoch = count // size if given.drop_last else -(-count // size)
    total = given.epochs * per_epoch
    return per_epoch, total if given.steps is None else min(total, given.steps)


def rows_of(recipe: Recipe, examples: Examples) -> int:
    """Rows that one step of one run computes on; each pixel of an image counts."""
    size, x = recipe.training.batch_size, examples.train.x
    return (min(size, len(x)) if isinstance(size, int) else len(x)) * x[0].numel() // x.shape[-1]


def run_bytes(recipe: Recipe, examples: Examples) -> int:
    """Memory of one run in a stack: weights, gradients, optimizer, batch, curves and trace."""
    given, blocks = recipe.training, architecture_of(recipe, examples.features)
    number = torch.finfo(getattr(torch, given.dtype)).bits // 8
    parameters, rows = parameters_of(blocks), rows_of(recipe, examples)
    per_epoch, total = steps_of(recipe, examples)
    epochs = -(-total // per_epoch)
    copies = 3 + _optimizer_copies(recipe) + (given.early_stopping is not None)
    # a batch of all examples is the same memory for all runs
    gathered = examples.features if total > epochs else 0
    batch = rows * (gathered + BUFFERS * sum(block.fan_out for block in blocks))
    samples = given.measure_first + (total // given.measure_every if given.measure_every else 0)
    return number * (copies * parameters + batch) + 24 * epochs + 64 * len(blocks) * samples


def state_bytes(recipe: Recipe, examples: Examples) -> int:
    """Memory that every step reads of one run: weights, gradients and what the optimizer keeps."""
    number = torch.finfo(getattr(torch, recipe.training.dtype)).bits // 8
    parameters = parameters_of(architecture_of(recipe, examples.features))
    return number * parameters * (2 + _optimizer_copies(recipe))


def stack_bytes(recipe: Recipe, examples: Examples, runs: int) -> int:
    """Memory of a stack of so many such runs, the examples left out."""
    return runs * run_bytes(recipe, examples) + 4 * CHUNK_BYTES


def examples_bytes(examples: Examples) -> int:
    """Memory of the examples themselves."""
    return sum(
        part.x.nbytes + (0 if part.y is part.x else part.y.nbytes)
        for part in examples.splits.values()
    )


def work_seconds(recipe: Recipe, examples: Examples, runs: int) -> float:
    """About the seconds of a stack on one core: from counts alone, so the same everywhere."""
    blocks = architecture_of(recipe, examples.features)
    parameters, rows = parameters_of(blocks), rows_of(recipe, examples)
    moved = 2 * (3 + _optimizer_copies(recipe)) * parameters
    moved += PASSES * rows * sum(block.fan_out for block in blocks)
    each = 6 * parameters * rows / FLOPS + 4 * moved / BYTES
    evaluations = 20 if recipe.training.optimizer == "lbfgs" else 1
    return steps_of(recipe, examples)[1] * evaluations * (len(blocks) * SMALL_LAYER + runs * each)


def measured_seconds(recipes: Sequence[Recipe], examples: Examples, threads: int) -> float:
    """The seconds that a stack will take, from some steps of a part of it and one evaluation.

    A line through one run and several gives what all of them will need.
    """
    few = recipes[:PROBED_RUNS]
    with cpu_threads(threads):
        alone = _seconds_a_training(recipes[:1], examples)
        if len(few) == 1:
            return alone
        several = _seconds_a_training(few, examples)
    each = max(several - alone, 0.0) / (len(few) - 1)
    return several + (len(recipes) - len(few)) * each


def _seconds_a_training(recipes: Sequence[Recipe], examples: Examples) -> float:
    """The whole training of these runs, as long as some steps that nobody measures suggest."""
    training = Training(recipes, examples)
    training.batches.start_epoch()
    batches, unmeasured = training.batches, training.trace.first + 1
    count = PROBED_STEPS if batches.is_whole else min(PROBED_STEPS, training.steps_per_epoch)
    fastest, begin = math.inf, perf_counter()
    while perf_counter() - begin < PROBE_SECONDS:
        before = perf_counter()
        training.executor.advance(unmeasured, batches.walk(0, count), training.active)
        fastest = min(fastest, (perf_counter() - before) / count)
    begin = perf_counter()
    for split in training.evaluated:
        training.evaluator.score(training.examples.split(split))
    evaluation = perf_counter() - begin
    epochs = training.total / training.steps_per_epoch
    return (
        training.total * fastest + epochs / (recipes[0].training.evaluate_every or 1) * evaluation
    )


def _optimizer_copies(recipe: Recipe) -> int:
    """Tensors of the parameters' shape that the optimizer keeps."""
    given = recipe.training
    assert given.optimizer is not None
    if given.optimizer == "lbfgs":
        return 2 * (given.history_size or 100) + 6
    return _copies_of(given.optimizer, **given.optimizer_settings)


@lru_cache
def _copies_of(name: str, **settings: Any) -> int:
    sketch = torch.zeros(1, 6)
    state = build(name, sketch, [settings], sparse_rows=(2, 2)).state()
    return sum(tensor.shape == sketch.shape for tensor in state.values())


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
