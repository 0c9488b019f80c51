"""The names a recipe may hold, and the nearest one to a name that does not exist.

Nothing here imports torch, so that a recipe is validated and `--help` answered without it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

TASKS = ("regression", "binary", "multiclass", "multilabel", "pixels", "autoencoder")

HIDDEN_ACTIVATIONS = (
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
OUTPUT_ACTIVATIONS = (*HIDDEN_ACTIVATIONS, "softmax", "log_softmax")

LOSSES = ("mse", "l1", "huber", "poisson", "bce", "cross_entropy", "nll")
LOSSES_FOR = {
    "regression": ("mse", "l1", "huber", "poisson"),
    "binary": ("bce", "mse", "l1", "huber", "cross_entropy", "nll"),
    "multiclass": ("cross_entropy", "nll", "mse", "l1", "huber", "bce"),
    "multilabel": ("bce", "mse", "l1", "huber"),
    "pixels": ("cross_entropy", "nll"),
    "autoencoder": ("mse", "bce", "l1", "huber", "poisson"),
}

SPLITS = ("train", "validation", "test")


def nearest(name: object, names: Iterable[str]) -> str | None:
    """The name that `name` was most likely meant to be, or None."""
    matches = get_close_matches(str(name).lower().replace("-", "_"), list(names), n=1, cutoff=0.5)
    return matches[0] if matches else None
