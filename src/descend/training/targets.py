"""Targets in the form that a loss wants, and examples weighted by class."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from descend.data.examples import Examples, Split
from descend.errors import RecipeError
from descend.network.losses import Loss
from descend.recipe import Recipe


def encode(examples: Examples, recipe: Recipe, loss: Loss) -> Examples:
    """The examples with targets as the loss wants them and weighted by class."""
    check_outputs(examples, recipe, loss)
    weighted = with_class_weights(recipe, examples)
    train, validation, test = (
        None if split is None else encode_split(split, weighted, loss)
        for split in (examples.train, examples.validation, examples.test)
    )
    assert train is not None
    return replace(examples, train=train, validation=validation, test=test)


def encode_split(split: Split, recipe: Recipe, loss: Loss) -> Split:
    """One split so; the recipe's class weights must be numbers."""
    y = split.y
    outputs, weights = recipe.network.outputs, recipe.training.class_weights
    assert outputs is not None and not isinstance(weights, str)
    if loss.counts_classes:
        y = y if y.dtype == torch.int64 else y.flatten().long()
    elif y.dtype == torch.int64:
        y = one_hot(y, outputs).to(torch.float32)
    if weights is None:
        return replace(split, y=y)
    by_class = torch.tensor(weights, device=y.device)[split.y.flatten().long()]
    return replace(split, y=y, weight=by_class if split.weight is None else by_class * split.weight)


def with_class_weights(recipe: Recipe, examples: Examples) -> Recipe:
    """The recipe with its class weights as numbers, one for each class.

    "balanced" gives a class with n of the N training examples N / (classes · n).
    """
    given = recipe.training.class_weights
    if given is None:
        return recipe
    if examples.task not in ("binary", "multiclass"):
        raise RecipeError(
            f"`training.class_weights` must be absent for the task {examples.task}",
            hint="they weigh the examples of binary and multiclass tasks",
        )
    classes = 2 if examples.task == "binary" else examples.outputs
    if not isinstance(given, str):
        if len(given) != classes:
            raise RecipeError(
                f"`training.class_weights` must be {classes} numbers, one a class: {list(given)}",
                hint='"balanced" gives each class the same total weight',
            )
        return recipe
    counts = torch.bincount(examples.train.y.flatten().long(), minlength=classes).double()
    weights: Tensor = counts.sum() / (classes * counts.clamp(min=1))
    return recipe.edited({"training.class_weights": weights.tolist()})


def check_outputs(examples: Examples, recipe: Recipe, loss: Loss) -> None:
    """Raise RecipeError where the network has too few or too many outputs for the examples."""
    outputs = recipe.network.outputs
    assert outputs is not None
    classes = 2 if examples.task == "binary" and loss.counts_classes else examples.outputs
    is_more_allowed = examples.task in ("multiclass", "pixels") or loss.counts_classes
    if outputs < classes or (outputs > classes and not is_more_allowed):
        bound = f"{classes} or more" if is_more_allowed else str(classes)
        raise RecipeError(
            f"`network.outputs` must be {bound} for these data: {outputs}",
            hint="leave `network.outputs` out to have it chosen",
        )
