"""Recipes: a case in a recipe's words, as far as these go, with a note for what is not the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .arrays import HELD_OUT, Arrays, is_inferred
from .cases import Case
from .layers import Blocks, blocks_of
from .reasons import Inexpressible

LOSSES = {
    **dict.fromkeys(("mse", "mean_squared_error"), "mse"),
    **dict.fromkeys(("mae", "l1", "mean_absolute_error"), "l1"),
    **dict.fromkeys(("huber", "smooth_l1", "log_cosh", "logcosh"), "huber"),
    **dict.fromkeys(("bce", "binary_crossentropy"), "bce"),
    **dict.fromkeys(
        ("cross_entropy", "categorical_crossentropy", "sparse_categorical_crossentropy"),
        "cross_entropy",
    ),
    "nll": "nll",
    "poisson": "poisson",
}
APPLIED = {"cross_entropy": "softmax", "bce": "sigmoid"}
COUNTING = ("cross_entropy", "nll")
REDUCTIONS = ("mean", "sum", "sum_weights")

KERAS: Mapping[str, Mapping[str, Any]] = {
    "sgd": {"lr": 0.01},
    "adam": {"lr": 0.001, "eps": 1e-7},
    "adamax": {"lr": 0.001, "eps": 1e-7},
    "adagrad": {"lr": 0.001, "eps": 1e-7, "initial_accumulator_value": 0.1},
    "adadelta": {"lr": 0.001, "eps": 1e-7, "rho": 0.95},
    "rmsprop": {"lr": 0.001, "eps": 1e-7, "alpha": 0.9},
}
KERAS_BATCH_NORM = {"batch_norm_eps": 1e-3, "batch_norm_momentum": 0.01}
TORCH: Mapping[str, Mapping[str, Any]] = {"sgd": {"lr": 0.001}, "rmsprop": {"lr": 0.01}}
OPTIMIZERS = (*KERAS, "adamw", "rprop", "asgd", "lbfgs")
SETTINGS = {
    "lr": "lr",
    "momentum": "momentum",
    "nesterov": "nesterov",
    "eps": "eps",
    "epsilon": "eps",
    "rho": "rho",
    "alpha": "alpha",
    "weight_decay": "weight_decay",
    "amsgrad": "amsgrad",
    "centered": "centered",
    "dampening": "dampening",
    "clipnorm": "clip_norm",
    "clipvalue": "clip_value",
}
NEGLIGIBLE = 0.01  # the share by which a decay of the rate may change it unheeded


@dataclass(frozen=True)
class Told:
    """A case as a recipe; places: of each of its layers in the case's list, the output last.

    task: what the targets are taken for, be it said in the recipe or read from them.
    """

    tree: dict[str, Any]
    task: str
    places: list[list[int]]
    notes: list[str] = field(default_factory=list)


def told(case: Case, arrays: Arrays) -> Told:
    """The recipe of a case; raises Inexpressible."""
    is_torch = _is_torch(case)
    blocks = blocks_of(case.tree["layers"], is_torch)
    notes = list(blocks.notes)
    loss = _loss(case.tree["loss"], blocks, notes)
    steps = case.tree["epochs"] * -(-len(arrays.x) // (case.tree["batch_size"] or len(arrays.x)))
    task = task_of(case, arrays, loss["loss"])
    tree: dict[str, Any] = {
        "title": case.id,
        "data": _data(task, blocks, arrays),
        "network": _network(blocks, case.tree["loss"]),
        "training": {
            **loss,
            **_optimizer(case.tree["optimizer"], is_torch, steps, notes),
            "batch_size": case.tree["batch_size"] or "all",
            "epochs": case.tree["epochs"],
            **_order(case.tree.get("loop") or {}),
        },
    }
    if any(block.batch_norm for block in blocks.blocks) and not is_torch:
        tree["network"] |= KERAS_BATCH_NORM
    return Told(tree, task, blocks.places, list(dict.fromkeys(notes)))


def _order(loop: Mapping[str, Any]) -> dict[str, Any]:
    """Seed and order of the examples, where the case has its own."""
    return {name: loop[name] for name in ("seed", "shuffle") if loop.get(name) is not None}


def task_of(case: Case, arrays: Arrays, loss: str) -> str:
    """The task that the case's targets and loss make of it, in a recipe's words.

    Classes stay numbers to be met where the loss takes them as such: squares of class numbers, or
    labels outside of 0 and 1, are a regression, whatever was meant.
    """
    task: str = case.tree["task"]
    if task == "autoencoder":
        return task if arrays.targets_are_inputs else "regression"
    if task == "multilabel":
        return task if arrays.is_zero_or_one else "regression"
    if task == "multiclass" or arrays.is_one_hot:
        if arrays.is_one_hot or loss in COUNTING or (arrays.is_whole and loss == "bce"):
            return "multiclass"
        return "regression"
    if task == "binary":
        if arrays.is_zero_or_one:
            return "binary"
        return "multiclass" if loss in COUNTING and arrays.is_whole else "regression"
    return task


def _is_torch(case: Case) -> bool:
    """Whether torch's defaults are meant and not those of Keras: its initialiser gives it away."""
    inits = [
        layer.get(name) or {} for layer in case.tree["layers"] for name in ("init", "bias_init")
    ]
    return any(init.get("name") == "torch_default" for init in inits)


def _data(task: str, blocks: Blocks, arrays: Arrays) -> dict[str, Any]:
    scale = "standard" if blocks.normalises_inputs else "none"
    data: dict[str, Any] = {"source": "arrays", "scale": scale, "target_scale": "none"}
    if not is_inferred(arrays, task):
        data["task"] = task
    # nothing is held out that the case trains on
    return data | {part: 0 for part in HELD_OUT if arrays.held_out_as != part}


def _network(blocks: Blocks, loss: Mapping[str, Any]) -> dict[str, Any]:
    *hidden, output = blocks.blocks
    l1, l2 = _penalties(loss)
    network: dict[str, Any] = {
        "output": output.activation,
        "outputs": output.units,
        "output_init": output.init,
        "output_bias_init": output.bias_init,
        "l1": output.l1 + l1,
        "l2": output.l2 + l2,
    }
    if not hidden:
        return {"hidden": [], **network}
    layers = [
        {
            "units": block.units,
            "activation": block.activation,
            "init": block.init,
            "bias_init": block.bias_init,
            "batch_norm": block.batch_norm,
            "dropout": block.dropout,
            "l1": block.l1 + l1,
            "l2": block.l2 + l2,
        }
        for block in hidden
    ]
    return {"layers": layers, **network}


def _penalties(loss: Mapping[str, Any]) -> tuple[float, float]:
    """What a loss adds for all weights: λ Σ|w| and λ Σw²."""
    l1, l2 = 0.0, float(loss.get("l2_penalty") or 0.0)
    penalty, factor = loss.get("penalty"), float(loss.get("factor") or 0.0)
    if penalty in ("l1", "l2"):
        l1, l2 = (l1 + factor, l2) if penalty == "l1" else (l1, l2 + factor)
    elif penalty is not None:
        raise Inexpressible(f"the penalty {penalty} of the loss")
    return l1, l2


def _loss(given: Mapping[str, Any], blocks: Blocks, notes: list[str]) -> dict[str, Any]:
    known = {*("name", "on", "reduction", "clip", "l2_penalty", "penalty", "factor")}
    if unknown := set(given) - known:
        raise Inexpressible(f"a loss with {', '.join(sorted(unknown))}")
    if given["name"] not in LOSSES:
        raise Inexpressible(f"the loss {given['name']}")
    reduction = given.get("reduction", "mean")
    if reduction not in REDUCTIONS:
        raise Inexpressible(f"the reduction {reduction}")
    name, takes = LOSSES[given["name"]], given.get("on", "values")
    is_rate = name == "poisson" and takes != "logits"
    is_probability = name in ("bce", "cross_entropy") and takes == "probabilities"
    on = "probabilities" if is_rate or is_probability else "logits"
    output, then = blocks.blocks[-1].activation, blocks.blocks[-1].then
    if on == "probabilities" and then is not None and then == APPLIED.get(name):
        on = "logits"  # the loss applies what comes after the output's first activation
    elif then is not None:
        notes.append(f"{then} after {output} is left out")
    if name == "cross_entropy" and on == "probabilities" and output != "softmax":
        notes.append("Keras divides what cross-entropy takes by its sum, descend does not")
    if "clip" in given:
        notes.append("a loss without a bound for ln p has the bound -100 here")
    elif name == "bce" and on == "probabilities" and output not in ("sigmoid", "softmax"):
        notes.append(
            "BCE of what is no probability is NaN here, Keras cuts it at 1e-7 and 1 - 1e-7"
        )
    return {"loss": name, "loss_on": on, "reduction": reduction}


def _optimizer(
    given: Mapping[str, Any], is_torch: bool, steps: int, notes: list[str]
) -> dict[str, Any]:
    name = str(given["name"]).lower()
    if name == "nadam":
        notes.append("Nadam is Adam here")
        name = "adam"
    if name not in OPTIMIZERS:
        raise Inexpressible(f"the optimizer {name}")
    settings = dict((TORCH if is_torch else KERAS).get(name, {}))
    for key, value in given.items():
        if key in SETTINGS:
            if value is not None:
                settings[SETTINGS[key]] = value
        elif key == "decay":
            if value and value * steps > NEGLIGIBLE:
                notes.append(f"the rate does not fall as lr / (1 + {value:g} step) here")
        elif key not in ("name", "beta_1", "beta_2", "betas"):
            raise Inexpressible(f"an optimizer with {key}")
    if "betas" in given or "beta_1" in given or "beta_2" in given:
        first, second = given.get("betas", (0.9, 0.999))
        settings["betas"] = [given.get("beta_1", first), given.get("beta_2", second)]
    if settings.get("nesterov") and not settings.get("momentum"):
        settings.pop("nesterov")
        notes.append("Nesterov's step without momentum is the plain one")
    return {"optimizer": name, **settings}
