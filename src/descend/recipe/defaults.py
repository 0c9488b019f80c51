"""The choices that a recipe leaves open, made by task as a practitioner would make them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from descend.errors import RecipeError
from descend.optimizers.settings import settings_of
from descend.recipe.complaints import complain
from descend.recipe.model import loss_problems
from descend.recipe.recipe import Recipe

INIT_FOR = {
    "sigmoid": "xavier_uniform",
    "tanh": "xavier_uniform",
    "softplus": "xavier_uniform",
    "exp": "xavier_uniform",
    "identity": "xavier_uniform",
    "selu": "lecun_normal",
}  # all others bend like ReLU: he_normal

LR_FOR = {"sgd": 0.1, "rmsprop": 0.001}  # all others: torch's default

LOSS_FOR = {
    "regression": "mse",
    "binary": "bce",
    "multiclass": "cross_entropy",
    "multilabel": "bce",
    "pixels": "cross_entropy",
    "autoencoder": "mse",
}

PROBABILITIES = {
    "bce": ("sigmoid", "softmax"),
    "cross_entropy": ("softmax", "sigmoid"),
    "poisson": ("exp", "softplus", "relu"),
}  # outputs that a loss takes for probabilities (or for the rate itself)

FULL_BATCH = ("lbfgs", "rprop")  # rules that a changing batch misleads
SMALL = 32  # examples: fewer are one batch
STEPS = 3000  # updates that small problems need, about


@dataclass(frozen=True)
class Facts:
    """What has to be known of the examples before the open choices can be made."""

    task: str
    outputs: int  # classes, labels or numbers to predict
    examples: int  # for training
    splits: tuple[str, ...]
    scale: str
    target_scale: str


def complete(recipe: Recipe, facts: Facts) -> Recipe:
    """The recipe with every choice made; raises RecipeError for a recipe of another task."""
    _check_task(recipe, facts)
    edits: dict[str, Any] = {}
    _choose_data(recipe, facts, edits)
    _choose_training(recipe, facts, edits)
    _choose_network(recipe, facts, edits)
    return recipe.edited(edits)


def _check_task(recipe: Recipe, facts: Facts) -> None:
    if recipe.data.task not in (None, facts.task):
        raise RecipeError(
            f"`data.task` must suit the data, which are for {facts.task}: {recipe.data.task!r}",
            hint=f'leave `data.task` out, or set it to "{facts.task}"',
        )
    if problems := loss_problems(facts.task, recipe.training.loss):
        raise complain(problems)


def _choose_data(recipe: Recipe, facts: Facts, edits: dict[str, Any]) -> None:
    edits["data.task"] = facts.task
    edits["data.scale"] = facts.scale
    edits["data.target_scale"] = facts.target_scale


def _choose_training(recipe: Recipe, facts: Facts, edits: dict[str, Any]) -> None:
    given = recipe.training
    optimizer = given.optimizer or "adam"
    edits["training.optimizer"] = optimizer
    for name, value in settings_of(optimizer).items():
        if getattr(given, name) is None and value is not None:
            edits[f"training.{name}"] = value
    if given.lr is None and optimizer in LR_FOR:
        edits["training.lr"] = LR_FOR[optimizer]
    if optimizer == "lbfgs" and given.line_search is None:
        edits["training.line_search"] = "strong_wolfe"

    loss = given.loss or ("nll" if recipe.network.output == "log_softmax" else LOSS_FOR[facts.task])
    edits["training.loss"] = loss
    edits["training.reduction"] = given.reduction or "mean"
    if given.loss_on is None:
        takes = PROBABILITIES.get(loss, ())
        edits["training.loss_on"] = (
            "probabilities" if recipe.network.output in takes else "logits"
        )

    batch_size = given.batch_size
    if batch_size is None:
        is_whole = optimizer in FULL_BATCH or facts.examples <= SMALL
        batch_size = "all" if is_whole else 32 if facts.examples < 10_000 else 128
    edits["training.batch_size"] = batch_size
    if given.epochs is None:
        edits["training.epochs"] = _epochs(recipe, facts, batch_size)
    epochs = given.epochs or edits["training.epochs"]
    if given.evaluate is None:
        held_out = [name for name in ("validation", "test") if name in facts.splits]
        edits["training.evaluate"] = held_out[:1]
    if given.evaluate_every is None:
        edits["training.evaluate_every"] = max(1, epochs // 100)


def _epochs(recipe: Recipe, facts: Facts, batch_size: int | str) -> int:
    """As many epochs as make about 3,000 steps, but 10 at least and 200 at most."""
    per_epoch = 1 if batch_size == "all" else math.ceil(facts.examples / int(batch_size))
    if recipe.training.steps is not None:
        return math.ceil(recipe.training.steps / per_epoch)
    if batch_size == "all":
        return 100 if recipe.training.optimizer == "lbfgs" else STEPS
    return min(200, max(10, math.ceil(STEPS / per_epoch)))


def _choose_network(recipe: Recipe, facts: Facts, edits: dict[str, Any]) -> None:
    given = recipe.network
    if given.hidden is None and given.layers is None:
        edits["network.hidden"] = [32, 32]
    activation = given.activation or "relu"
    edits["network.activation"] = activation
    init = given.init
    # a person who names an initialiser for the weights leaves the biases as torch drew them
    edits["network.bias_init"] = given.bias_init or ("zeros" if init is None else "torch")
    edits["network.init"] = init or INIT_FOR.get(activation, "he_normal")
    edits["network.output_init"] = given.output_init or ("xavier_uniform" if init is None else init)
    edits["network.output_bias_init"] = given.output_bias_init or edits["network.bias_init"]
    if init is not None and init.name == "rbm" and given.output_init is None:
        edits["network.output_init"] = "xavier_uniform"
    edits["network.batch_norm"] = given.batch_norm or False
    for name in ("dropout", "l1", "l2"):
        edits[f"network.{name}"] = getattr(given, name) or 0.0
    loss = recipe.training.loss or edits["training.loss"]
    edits["network.output"] = given.output or ("log_softmax" if loss == "nll" else "identity")
    edits["network.outputs"] = given.outputs or outputs_for(facts.task, loss, facts.outputs)


def outputs_for(task: str, loss: str, outputs: int) -> int:
    """How many outputs the network needs: two for two classes under a loss that counts classes."""
    return 2 if task == "binary" and loss in ("cross_entropy", "nll") else outputs
