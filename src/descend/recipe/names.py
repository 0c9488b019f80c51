"""The names a recipe may hold, and the nearest one to a name that does not exist.

Nothing here imports torch, so that a recipe is validated and `--help` answered without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches

TASKS = ("regression", "binary", "multiclass", "multilabel", "pixels", "autoencoder")

ELEMENTWISE = (
    "sigmoid",
    "tanh",
    "relu",
    "leaky_relu",
    "elu",
    "selu",
    "gelu",
    "silu",
    "softplus",
    "exp",
    "identity",
)
ACTIVATIONS = (*ELEMENTWISE, "softmax", "log_softmax")

# what a layer has only where it has a leaky ReLU or a batch norm, as torch has it
LAYER_SETTINGS = {"slope": 0.01, "batch_norm_eps": 1e-5, "batch_norm_momentum": 0.1}

LOSSES = ("mse", "l1", "huber", "poisson", "bce", "cross_entropy", "nll")
LOSSES_FOR: Mapping[str, tuple[str, ...]] = {
    "regression": ("mse", "l1", "huber", "poisson"),
    "binary": ("bce", "mse", "l1", "huber", "cross_entropy", "nll"),
    "multiclass": ("cross_entropy", "nll", "mse", "l1", "huber", "bce"),
    "multilabel": ("bce", "mse", "l1", "huber"),
    "pixels": ("cross_entropy", "nll"),
    "autoencoder": ("mse", "bce", "l1", "huber", "poisson"),
}
CLASS_COUNTING = ("cross_entropy", "nll")  # losses whose targets are class numbers
ON_PROBABILITIES = ("bce", "cross_entropy", "poisson")  # losses that come on probabilities too
WEIGHED_TASKS = ("binary", "multiclass")  # where one example has one class

SPLITS = ("train", "validation", "test")
_OF_CLASSES = ("loss", "accuracy")
_OF_NUMBERS = ("loss", "rmse", "mae", "r2")
METRICS_FOR: Mapping[str, tuple[str, ...]] = {
    "regression": _OF_NUMBERS,
    "binary": _OF_CLASSES,
    "multiclass": _OF_CLASSES,
    "multilabel": _OF_CLASSES,
    "pixels": _OF_CLASSES,
    "autoencoder": _OF_NUMBERS,
}
METRICS = tuple(
    f"{split}/{metric}"
    for split in ("validation", "test", "train")
    for metric in ("loss", "accuracy", "rmse", "mae", "r2")
)

# What other libraries and papers call it; spelling alone would not lead there.
ALSO_CALLED = {
    "batch": "batch_size",
    "bias_initializer": "bias_init",
    "binary_cross_entropy": "bce",
    "cost": "loss",
    "criterion": "loss",
    "gradient_descent": "sgd",
    "glorot_normal": "xavier_normal",
    "glorot_uniform": "xavier_uniform",
    "hidden_layer_sizes": "hidden",
    "initializer": "init",
    "kaiming_normal": "he_normal",
    "kaiming_uniform": "he_uniform",
    "kernel_initializer": "init",
    "learning_rate": "lr",
    "linear": "identity",
    "mean_absolute_error": "l1",
    "mean_squared_error": "mse",
    "no_activation": "identity",
    "random_state": "seed",
    "reduce_on_plateau": "plateau",
    "swish": "silu",
    "weight_init": "init",
}


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The name that `name` was most likely meant to be, or None."""
    if not isinstance(name, str):
        return None
    by_spelling = {_spelling(known): known for known in names}
    spelled = _spelling(name)
    if (usual := ALSO_CALLED.get(spelled)) in by_spelling:
        return by_spelling[usual]
    for known in by_spelling:  # `accuracy` and `valid/accuracy` mean the first `…/accuracy`
        if "/" in known and spelled.rpartition("/")[2] == known.rpartition("/")[2]:
            return by_spelling[known]
    matches = get_close_matches(spelled, by_spelling, n=1)
    return by_spelling[matches[0]] if matches else None


def _spelling(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")
