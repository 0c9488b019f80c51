"""The choices that a recipe leaves open, made by task as a practitioner would make them."""

from __future__ import annotations

import math
from typing import Any

from descend.optimizers.settings import settings_of
from descend.recipe.checks import Facts, fact_problems, optimizer_for, outputs_for
from descend.recipe.complaints import ImpossibleRecipe
from descend.recipe.model import Network
from descend.recipe.names import LAYER_SETTINGS, LOSSES_FOR, SPLITS
from descend.recipe.recipe import Recipe
from descend.recipe.training import Training

__all__ = ["Facts", "complete", "outputs_for", "with_scales"]

# Xavier keeps the spread of what is odd or saturates at both ends, LeCun is what SELU is made for;
# all others cut off one half as ReLU does, which He makes up for.
INIT_FOR = {
    "sigmoid": "xavier_uniform",
    "tanh": "xavier_uniform",
    "softplus": "xavier_uniform",
    "exp": "xavier_uniform",
    "identity": "xavier_uniform",
    "softmax": "xavier_uniform",
    "log_softmax": "xavier_uniform",
    "selu": "lecun_normal",
}
RECTIFIED = "he_normal"

# Plain descent needs far longer steps than torch's 0.001, and RMSprop, as Adam, shorter ones than
# torch's 0.01. With momentum 0.9 each gradient counts ten times in the end: the rate is a tenth.
LR_FOR = {"sgd": 0.1, "asgd": 0.1, "rmsprop": 0.001}
MUCH_MOMENTUM = 0.5

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
    "cross_entropy": ("softmax",),
    "poisson": ("softplus", "exp", "relu"),
}  # outputs that a loss takes for probabilities (or for the rate itself), the usual one first

FULL_BATCH = ("lbfgs", "rprop")  # rules that a changing batch misleads
SMALL = 32  # examples: fewer are one batch
LARGE = 10_000  # examples: from here on wider networks and larger batches pay
STEPS = 3000  # updates that small problems need, about
FEW_STEPS = 300  # of a full batch of more than 1,000 examples: each is as dear as many small ones
LBFGS_STEPS = 100  # of up to 20 iterations each


def with_scales(recipe: Recipe) -> Recipe:
    """The recipe with the scales that its loss demands; to be asked before the data are loaded.

    Counts must stay counts under the Poisson loss, and what an autoencoder gives as probabilities
    must lie between 0 and 1. All other scales are the source's own choice.
    """
    data, loss = recipe.data, recipe.training.loss
    is_autoencoder = data.target == "inputs" or data.task == "autoencoder"
    field = "scale" if is_autoencoder else "target_scale"
    if getattr(data, field) is not None:
        return recipe
    if loss == "poisson":
        return recipe.edited({f"data.{field}": "none"})
    if is_autoencoder and (loss == "bce" or recipe.network.output == "sigmoid"):
        return recipe.edited({"data.scale": "unit"})
    return recipe


def complete(recipe: Recipe, facts: Facts) -> Recipe:
    """The recipe with every choice made; raises RecipeError for one that the data do not suit."""
    if problems := fact_problems(recipe, facts):
        raise ImpossibleRecipe(problems)
    training = _training(recipe, facts)
    network = _network(recipe, facts, training["training.loss"], training["training.loss_on"])
    completed = recipe.edited({**_data(recipe, facts), **training, **network})
    if problems := fact_problems(completed, facts):  # now that the loss is known
        raise ImpossibleRecipe(problems)
    return completed


def _data(recipe: Recipe, facts: Facts) -> dict[str, Any]:
    scales = {"task": facts.task, "scale": facts.scale, "target_scale": facts.target_scale}
    chosen = {**facts.chosen, **scales}
    return {
        f"data.{name}": value
        for name, value in chosen.items()
        if getattr(recipe.data, name) is None
    }


def _training(recipe: Recipe, facts: Facts) -> dict[str, Any]:
    given = recipe.training
    optimizer = given.optimizer or optimizer_for(given.optimizer_settings)
    batch_size = given.batch_size or _batch_size(optimizer, facts)
    epochs = given.epochs or _epochs(given, facts, optimizer, batch_size)
    loss = given.loss or _loss(recipe, facts)
    return {
        "training.optimizer": optimizer,
        **_settings(given, optimizer),
        "training.loss": loss,
        "training.loss_on": given.loss_on or _loss_on(loss, recipe.network.output),
        "training.reduction": given.reduction or "mean",
        "training.batch_size": batch_size,
        "training.epochs": epochs,
        "training.evaluate": _evaluated(given, facts),
        "training.evaluate_every": given.evaluate_every or max(1, epochs // 100),
    }


def _settings(given: Training, optimizer: str) -> dict[str, Any]:
    """The defaults of torch, except where practice knows better."""
    chosen = dict(settings_of(optimizer))
    chosen["lr"] = LR_FOR.get(optimizer, chosen["lr"])
    if optimizer == "sgd" and (given.momentum or 0) >= MUCH_MOMENTUM:
        chosen["lr"] = LR_FOR["sgd"] / 10
    if optimizer == "lbfgs":
        chosen["line_search"] = "strong_wolfe"  # without it, a step may as well lead upwards
    return {
        f"training.{name}": value for name, value in chosen.items() if getattr(given, name) is None
    }


def _loss(recipe: Recipe, facts: Facts) -> str:
    """The task's usual loss; the one that takes log-probabilities where the network gives them."""
    is_nll = recipe.network.output == "log_softmax" and "nll" in LOSSES_FOR[facts.task]
    return "nll" if is_nll else LOSS_FOR[facts.task]


def _loss_on(loss: str, output: str | None) -> str:
    """Logits, which cannot overflow, unless the network's last activation gives probabilities."""
    return "probabilities" if output in PROBABILITIES.get(loss, ()) else "logits"


def _batch_size(optimizer: str, facts: Facts) -> int | str:
    """32 to learn fast from little, 128 to compute fast on much."""
    if optimizer in FULL_BATCH or facts.examples <= SMALL:
        return "all"
    return 32 if facts.examples < LARGE else 128


def _epochs(given: Training, facts: Facts, optimizer: str, batch_size: int | str) -> int:
    """As many epochs as make about 3,000 steps, but 10 at least and 200 at most."""
    per_epoch = 1
    if isinstance(batch_size, int):
        share = facts.examples / batch_size
        per_epoch = max(1, math.floor(share) if given.drop_last else math.ceil(share))
    if given.steps is not None:
        return math.ceil(given.steps / per_epoch)
    if optimizer == "lbfgs":
        return LBFGS_STEPS
    if batch_size == "all":
        return STEPS if facts.examples <= 1000 else FEW_STEPS
    return min(200, max(10, math.ceil(STEPS / per_epoch)))


def _evaluated(given: Training, facts: Facts) -> list[str]:
    """The validation split, else the test; the training loss is in the history anyway."""
    if given.evaluate is not None:
        return list(given.evaluate)
    held_out = [split for split in SPLITS if split in facts.splits and split != "train"]
    return held_out[:1]


def _network(recipe: Recipe, facts: Facts, loss: str, loss_on: str) -> dict[str, Any]:
    given = recipe.network
    activation = given.activation or "relu"
    choices: dict[str, Any] = {
        "activation": activation,
        **_inits(recipe, activation),
        "batch_norm": False,
        "dropout": 0.0,
        "l1": 0.0,
        "l2": 0.0,
        "output": _output(loss, loss_on),
        "outputs": outputs_for(facts.task, loss, facts.outputs),
    }
    if given.hidden is None and given.layers is None:
        choices["hidden"] = _hidden(facts)
    choices |= _asked_for(given, activation)
    edits = {
        f"network.{name}": value for name, value in choices.items() if getattr(given, name) is None
    }
    return {**edits, **_layers(recipe)}


def _asked_for(given: Network, activation: str) -> dict[str, float]:
    """Settings of what some layer has: the slope of leaky ReLU, and those of batch norms."""
    layers = given.layers or ()
    activations = {activation, given.output, *(layer.activation for layer in layers)}
    has_norm = given.batch_norm or any(layer.batch_norm for layer in layers)
    names = ["slope"] if "leaky_relu" in activations else []
    names += ["batch_norm_eps", "batch_norm_momentum"] if has_norm else []
    return {name: LAYER_SETTINGS[name] for name in names}


def _inits(recipe: Recipe, activation: str) -> dict[str, Any]:
    """By activation, with biases of 0; who names an initialiser gets it everywhere, as in torch."""
    given = recipe.network
    if given.init is None:
        init: Any = INIT_FOR.get(activation, RECTIFIED)
        return {
            "init": init,
            "bias_init": "zeros",
            "output_init": "xavier_uniform",
            "output_bias_init": given.bias_init or "zeros",
        }
    return {
        "bias_init": "torch",
        # machines are trained below the last layer only
        "output_init": "xavier_uniform" if given.init.name == "rbm" else given.init,
        "output_bias_init": given.bias_init or "torch",
    }


def _layers(recipe: Recipe) -> dict[str, Any]:
    """The initialiser of each layer whose activation is not the network's, where none is named."""
    network = recipe.network
    if network.init is not None:
        return {}
    return {
        f"network.layers.{place}.init": INIT_FOR.get(layer.activation, RECTIFIED)
        for place, layer in enumerate(network.layers or ())
        if layer.init is None and layer.activation not in (None, network.activation)
    }


def _output(loss: str, loss_on: str) -> str:
    """What the loss takes; the identity for logits, which become probabilities in the loss."""
    if loss == "nll":
        return "log_softmax"
    takes = PROBABILITIES.get(loss) if loss_on == "probabilities" else None
    return takes[0] if takes else "identity"


def _hidden(facts: Facts) -> list[int]:
    """Two layers, wider where examples abound; an autoencoder has its narrowest in the middle."""
    wide = 32 if facts.examples < LARGE else 128
    if facts.task != "autoencoder":
        return [wide, wide]
    return [wide, max(1, min(wide // 4, facts.outputs // 2)), wide]
