"""Targets in the form that a loss wants, and examples weighted by class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from descend.data.examples import Examples, Split
from descend.errors import RecipeError
from descend.network.losses import Loss
from descend.recipe import Recipe

def encode(examples: Examples, recipe: Recipe, loss: Loss) -> Examples:
    """The examples with class numbers or numbers as the loss wants them, and class weights applied."""
    outputs = recipe.network.outputs
    assert outputs is not None
    _check_outputs(examples, outputs, loss)
    weights = recipe.training.class_weights
    factors = None if weights is None else _class_weights(examples, weights)
    encoded = {
        name: replace(encode_split(split, loss, outputs), weight=_weight(split, factors))
        for name, split in examples.splits.items()
    }
    return replace(examples, **encoded)


def _check_outputs(examples: Examples, outputs: int, loss: Loss) -> None:
    classes = 2 if examples.task == "binary" and loss.counts_classes else examples.outputs
    is_more_allowed = examples.task in ("multiclass", "pixels") or loss.counts_classes
    if outputs < classes or (outputs > classes and not is_more_allowed):
        bound = f"{classes} or more" if is_more_allowed else str(classes)
        raise RecipeError(
            f"`network.outputs` must be {bound} for these data: {outputs}",
            hint="leave `network.outputs` out to have it chosen",
        )


def encode_split(split: Split, loss: Loss, outputs: int) -> Split:
    """The split with class numbers or numbers as the loss wants them."""
    y = split.y
    if loss.counts_classes:
        y = y if y.dtype == torch.int64 else y.flatten().long()
    elif y.dtype == torch.int64:
        y = one_hot(y, outputs).to(torch.float32)
    return replace(split, y=y)


def _class_weights(examples: Examples, weights: str | Sequence[float]) -> Tensor:
    if examples.task not in ("binary", "multiclass"):
        raise RecipeError(
            f"`training.class_weights` must be absent for the task {examples.task}",
            hint="they weigh the examples of binary and multiclass tasks",
        )
    counts = torch.bincount(examples.train.y.flatten().long())
    if isinstance(weights, str):
        return (counts.sum() / (len(counts) * counts.clamp(min=1))).float()
    if len(weights) != len(counts):
        raise RecipeError(
            f"`training.class_weights` must be {len(counts)} numbers, one a class: {list(weights)}",
            hint='"balanced" gives each class the same total weight',
        )
    return torch.tensor(weights)


def _weight(split: Split, factors: Tensor | None) -> Tensor | None:
    if factors is None:
        return split.weight
    by_class = factors.to(split.y.device)[split.y.flatten().long()]
    return by_class if split.weight is None else by_class * split.weight
