"""Monitor: sees a training as published tools do, in the place of descend's own trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from descend.data.examples import Examples
from descend.diagnosis.watching import Quiet
from descend.intake import completed_for
from descend.network.passes import TrainingPass
from descend.network.stack import Stack
from descend.recipe import Recipe
from descend.recipe.defaults import with_scales
from descend.runs.edits import seeded
from descend.trace.trace import Trace
from descend.training.training import Training

from .looks import Curvature, Look
from .seen import Numbers, Range, Seen

FIRST = 20  # steps that are all looked at
CURVED = 3, 5  # first steps, and epochs, with a look at the curvature
WORK = 2e12  # floating-point operations that all networks of a case may take, evaluation aside
STEP = 2e7  # of them, for each layer of a network at each step, however small: some 50 µs
PLAIN = ("momentum", "weight_decay")  # settings without which a step of SGD is -lr times gradient

ByLook = dict[str, Numbers]


class Monitor(Trace):
    """Looks at the first steps, at the first of each epoch, and at the last one."""

    def __init__(self, training: Training) -> None:
        super().__init__(training.runs, training.trace.activations, every=0, first=FIRST)
        self.period, self.last = training.steps_per_epoch, training.total - 1
        epochs = -(-training.total // self.period)
        steps, starts = CURVED
        curved = np.linspace(0, epochs - 1, starts).round().astype(int) * self.period
        self.curved = {*range(steps), *curved.tolist()}
        if len(self.curved) * Curvature.PASSES * work_of_a_step(training) > WORK:
            self.curved = set()
        self.looks: list[tuple[int, set[int], Look]] = []

    def wants(self, step: int) -> bool:
        """Whether there is a look at `step`."""
        self.step = step
        return step < self.first or step % self.period == 0 or step == self.last

    def open(self, training: TrainingPass, stack: Stack, loss: Tensor, active: Tensor) -> Any:
        """Begin a look, after the forward pass."""
        is_curved = self.step in self.curved and bool(loss.isfinite().all())
        is_curved &= training.weave is None  # whose layers keep their inputs in another shape
        curvature = Curvature(training, stack, self.step) if is_curved else None
        sample = super().open(training, stack, loss, active)
        return Look(training, stack, loss, active, sample, curvature)

    def close(self, step: int, sample: Any, only: Tensor | None = None) -> None:
        """Keep a look; `only` these of its rows count."""
        rows = range(len(sample.active)) if only is None else only.tolist()
        self.looks.append((step, set(rows), sample))

    def of(self, run: int) -> tuple[list[int], ByLook, ByLook]:
        """The steps, and by name the quantities of layers and network, of one network."""
        steps, kept = [], []
        for step, rows, look in self.looks:
            (place,) = (look.active == run).nonzero().flatten().tolist() or [None]
            if place in rows:
                steps.append(step)
                kept.append((look, place))
        layers = [{n: v[row] for n, v in look.layers.items()} for look, row in kept]
        network = [{n: v[row] for n, v in look.network.items()} for look, row in kept]
        return steps, _by_look(layers), _by_look(network)


def watched(recipe: Recipe, examples: Examples, seeds: int) -> list[Seen]:
    """What is seen of networks of so many seeds, trained as long as the work allows."""
    splits = list(examples.splits)
    asked = {
        "training.evaluate": splits,
        "training.evaluate_every": 1,
        "training.measure_every": 0,
        "training.measure_first": 0,
    }
    completed = completed_for(with_scales(recipe.edited(asked)), examples)
    first = completed.training.seed
    recipes = [seeded(completed, seed) for seed in range(first, first + seeds)]
    training = _within_reach(recipes, examples)
    monitor = training.trace = training.executor.trace = Monitor(training)
    training.run(Quiet())
    return [_seen(training, monitor, run, completed.training.epochs) for run in range(seeds)]


def _within_reach(recipes: Sequence[Recipe], examples: Examples) -> Training:
    """The training, of fewer epochs where it is too long."""
    training = Training(recipes, examples)
    epochs = max(1, int(WORK / (work_of_a_step(training) * training.steps_per_epoch)))
    if epochs * training.steps_per_epoch >= training.total:
        return training
    shorter = [recipe.edited({"training.epochs": epochs}) for recipe in recipes]
    return Training(shorter, examples)


def work_of_a_step(training: Training) -> float:
    """The floating-point operations of one step of all networks, and what small ones cost."""
    rows, stack = training.batches.batch_size, training.stack
    return 6.0 * stack.theta.numel() * rows + STEP * len(stack.blocks)


def _seen(training: Training, monitor: Monitor, run: int, epochs: int | None) -> Seen:
    given, stack = training.recipes[run].training, training.stack
    blocks = training.whole_stack().architectures[run] if stack.runs != training.runs else None
    blocks = blocks or stack.architectures[run]
    steps, layers, network = monitor.of(run)
    places = np.array(steps, dtype=np.int64)
    starts = np.flatnonzero(places % training.steps_per_epoch == 0)
    inputs, targets, spread = _ranges(training)
    assert given.loss is not None  # the recipe is complete
    assert given.loss_on is not None
    assert given.optimizer is not None
    return Seen(
        task=training.examples.task,
        loss=given.loss,
        loss_on=given.loss_on,
        optimizer=given.optimizer,
        lr=given.lr or 0.0,
        is_plain=given.optimizer == "sgd" and not any(getattr(given, name) for name in PLAIN),
        activations=tuple(block.activation for block in blocks),
        dropouts=tuple(block.dropout for block in blocks),
        inputs=inputs,
        targets=targets,
        target_spread=spread,
        steps=places,
        epochs=np.array([*starts, len(places) - 1]),
        layers=layers,
        network=network,
        curves=_curves(training, run),
        planned_steps=(epochs or 1) * training.steps_per_epoch,
    )


def _curves(training: Training, run: int) -> Mapping[str, Any]:
    """The curves of a network; whatever is held out goes by one name."""
    import polars

    frame = training.history.frame().filter(polars.col("run") == run)
    named = {}
    for name in frame.columns:
        split, _, metric = name.partition("/")
        split = "held out" if split in ("validation", "test") else split
        values = frame[name].cast(polars.Float64).fill_null(np.nan).to_numpy()
        named[f"{split}/{metric}"] = values
    return named


def _ranges(training: Training) -> tuple[Range, Range, float]:
    """The ranges of prepared inputs and targets, and the spread of the targets."""
    examples, train = training.examples, training.examples.train
    x = examples.preparation.inputs(train.x)
    if train.y is train.x:
        y = x
    elif train.y.dtype == torch.int64:  # as a column for each class
        y = torch.tensor([0.0, 1.0])
    else:
        y = examples.preparation.targets(train.y)
    low, high = float(y.min()), float(y.max())
    return (float(x.min()), float(x.max())), (low, high), high - low


def _by_look(rows: Sequence[Mapping[str, Tensor]]) -> ByLook:
    return {name: torch.stack([row[name] for row in rows]).double().numpy() for name in rows[0]}
