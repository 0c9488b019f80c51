"""Profiling: statistics of the examples as a network sees them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descend.data.examples import Examples, Split
from descend.diagnosis.constant_answers import constant_loss
from descend.findings.profile import Columns, Profile
from descend.network.losses import LOSSES
from descend.recipe import Recipe
from descend.training.targets import encode_split

MOST = 20_000  # examples that are looked at; more change no statistic that a rule asks for
VALUES = 1 << 21  # and of these at most, in each split
FIRST = 512  # examples whose values are kept
KEPT = 1 << 20  # values of them, at most: of a million features a few examples

Numbers = NDArray[np.float64]


def profile_of(examples: Examples, recipe: Recipe | None = None) -> Profile:
    """The profile of examples; recipe: the completed one, whose loss says what chance is."""
    train = examples.train
    counts = _class_counts(train, examples)
    targets = raw_targets = None
    if examples.task in ("regression", "autoencoder"):
        y = examples.preparation.targets(_some(train.y))
        targets = Columns.of(_numbers(y.flatten(1)))
    if examples.task in ("regression", "multilabel"):
        raw_targets = Columns.of(_numbers(some(train.y, MOST)))
    first, first_targets = _pairs(examples, train)
    held_out = [part for part in (examples.test, examples.validation) if part is not None]
    others = _pairs(examples, max(held_out, key=len)) if held_out else None
    return Profile(
        task=examples.task,
        examples={name: len(part) for name, part in examples.splits.items()},
        outputs=examples.outputs,
        inputs={
            name: Columns.of(_numbers(examples.preparation.inputs(_pixels(part.x))))
            for name, part in examples.splits.items()
        },
        raw=Columns.of(_numbers(_pixels(train.x))),
        first=first,
        first_targets=first_targets,
        held_out=None if others is None else others[0],
        held_out_targets=None if others is None else others[1],
        targets=targets,
        raw_targets=raw_targets,
        class_counts=counts,
        chance_loss=None if recipe is None else chance_loss(examples, recipe),
        chance_accuracy=None if counts is None else float(counts.max() / counts.sum()),
    )


def chance_loss(examples: Examples, recipe: Recipe) -> float | None:
    """The loss of the best constant answer on the training part; None where no formula gives it."""
    given = recipe.training
    assert given.loss and given.loss_on
    loss = LOSSES[given.loss, given.loss_on]()
    if given.class_weights is not None or given.reduction == "sum":
        return None
    y = encode_split(examples.train, recipe, loss).y
    if y is examples.train.x:
        y = examples.preparation.inputs(_some(y))
    elif y.dtype != torch.int64:
        y = examples.preparation.targets(y)
    return constant_loss(given.loss, y)


def some(values: Tensor, most: int) -> Tensor:
    """At most so many rows, from the whole length: what is sorted by class keeps every class."""
    return values[:: max(1, -(-len(values) // most))]


def _some(values: Tensor) -> Tensor:
    """As many rows as are looked at."""
    return some(values, min(MOST, max(1, VALUES // values.shape[-1])))


def _pixels(x: Tensor) -> Tensor:
    """Some raw inputs (examples, features), of images some pixels of some."""
    return _some(_some(x).flatten(0, -2))


def _pairs(examples: Examples, part: Split) -> tuple[Numbers, Numbers]:
    """Some prepared inputs and their targets: class numbers (examples,), else columns."""
    preparation = examples.preparation
    most = max(1, min(FIRST, KEPT // part.x[0].numel()))
    x, y = some(part.x, most), some(part.y, most)
    if part.y is part.x:
        values = _rows(preparation.inputs(x))
        return _numbers(values), _numbers(values)
    y = y.flatten() if y.dtype == torch.int64 else preparation.targets(y)
    return _numbers(_rows(preparation.inputs(x)))[:FIRST], _numbers(y)[:FIRST]


def _rows(x: Tensor) -> Tensor:
    return some(x.flatten(0, -2), MOST)


def _numbers(values: Tensor) -> Numbers:
    numbers: Numbers = values.double().cpu().numpy()
    return numbers


def _class_counts(train: Split, examples: Examples) -> Numbers | None:
    if examples.task in ("multiclass", "pixels"):
        counts = torch.bincount(train.y.flatten().long(), minlength=examples.outputs)
        return _numbers(counts)
    if examples.task == "binary":
        yes = float(train.y.sum())
        return np.array([train.y.numel() - yes, yes])
    return None
