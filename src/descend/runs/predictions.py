"""Predictions: what a trained network says about examples."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from descend.data.preparation import Preparation
from descend.network.stack import Stack
from descend.recipe import Recipe
from descend.training.evaluation import outputs_of


@dataclass(frozen=True, eq=False)
class Predictions:
    """outputs: what the network gives, (examples, outputs), pixels (examples, pixels, classes).

    probabilities: of the classes or labels, None where the task has none;
    values: predicted classes as numbers, labels as 0 and 1, or numbers on the scale of the targets;
    classes: the names of the classes, where they have names; an output too many has its number.
    """

    outputs: Tensor
    probabilities: Tensor | None
    values: Tensor
    classes: tuple[str, ...] | None

    @property
    def labels(self) -> list[str] | None:
        """The names of the predicted classes."""
        if self.classes is None or self.values.ndim != 1 or self.values.is_floating_point():
            return None
        return [self.classes[int(value)] for value in self.values]


def predict(stack: Stack, recipe: Recipe, preparation: Preparation, x: Tensor) -> Predictions:
    """The predictions of a stack of one network for raw inputs."""
    outputs = torch.cat([chunk[0].clone().cpu() for chunk in outputs_of(stack, preparation, x)])
    if x.ndim == 3:
        outputs = outputs.view(*x.shape[:2], -1)
    classes = _named(preparation.classes, outputs.shape[-1])
    if preparation.task in ("regression", "autoencoder"):
        return Predictions(outputs, None, preparation.targets_back(outputs), None)
    probabilities = probabilities_of(outputs, recipe)
    if preparation.task == "multilabel":
        return Predictions(outputs, probabilities, (probabilities > 0.5).float(), classes)
    if outputs.shape[-1] == 1:  # one output says yes or no
        both = torch.cat([1 - probabilities, probabilities], dim=-1)
        return Predictions(outputs, both, (probabilities.squeeze(-1) > 0.5).long(), classes)
    return Predictions(outputs, probabilities, outputs.argmax(dim=-1), classes)


def _named(classes: tuple[str, ...] | None, outputs: int) -> tuple[str, ...] | None:
    """A name for every output: a recipe may ask for more than there are classes."""
    if classes is None or len(classes) >= outputs:
        return classes
    return (*classes, *(str(number) for number in range(len(classes), outputs)))


def probabilities_of(outputs: Float[Tensor, "*rows outputs"], recipe: Recipe) -> Tensor:
    """The probabilities that outputs mean under the loss that they were trained with."""
    loss, loss_on = recipe.training.loss, recipe.training.loss_on
    if loss == "bce" and loss_on == "logits":
        return outputs.sigmoid()
    if loss == "cross_entropy" and loss_on == "logits":
        return outputs.softmax(dim=-1)
    if loss == "nll":
        return outputs.exp()
    return outputs
