"""Problems: small sets of examples drawn at random, and sound recipes that learn them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from ..arrays import Arrays

Array = NDArray[Any]
Rng = np.random.Generator

HELD_OUT = 0.25
STEPS = (1500, 3000)
SUITED = {"sigmoid": "xavier_uniform", "tanh": "xavier_uniform", "selu": "lecun_normal"}
RATES: Mapping[str, Mapping[str, Any]] = {
    "sgd": {"lr": (0.05, 0.2)},
    "momentum": {"lr": (0.01, 0.03), "momentum": 0.9},
    "adam": {"lr": (0.002, 0.01)},
    "rmsprop": {"lr": (0.001, 0.003)},
}


@dataclass(frozen=True, eq=False)
class Problem:
    """Examples and what is to be learnt of them. is_bent: whether no straight line does."""

    name: str
    task: str
    arrays: Arrays
    is_bent: bool


def problem(rng: Rng, name: str) -> Problem:
    """The problem with this name, its examples drawn and standardised."""
    task, is_bent, make = PROBLEMS[name]
    x, y = make(rng)
    order = rng.permutation(len(x))
    x, y = standard(x[order]), np.asarray(y, float).reshape(len(x), -1)[order]
    if task == "regression":
        y = standard(y)
    if task == "autoencoder":
        y = x
    held = round(HELD_OUT * len(x))
    return Problem(name, task, Arrays(x[held:], y[held:], x[:held], y[:held], True), is_bent)


def standard(x: Array) -> Array:
    """Each column with mean 0 and standard deviation 1."""
    spread = x.std(axis=0)
    scaled: Array = (x - x.mean(axis=0)) / np.where(spread == 0, 1, spread)
    return scaled


def sound(problem: Problem, rng: Rng) -> dict[str, Any]:
    """A recipe that should learn the problem; its layers stand one by one."""
    examples = len(problem.arrays.x)
    batch = int(rng.choice([16, 32, 64]))
    steps = rng.integers(*STEPS)
    activation = str(rng.choice(["relu", "relu", "tanh", "leaky_relu", "elu", "selu", "gelu"]))
    widths = [int(rng.choice([16, 24, 32, 64])) for _ in range(rng.integers(1, 4))]
    init = str(rng.choice(["torch", SUITED.get(activation, "he_normal")]))
    chosen = str(rng.choice(list(RATES)))
    settings = dict(RATES[chosen])
    low, high = settings.pop("lr")
    optimizer = "sgd" if chosen == "momentum" else chosen
    return {
        "data": {"source": "arrays", "scale": "none", "target_scale": "none", "validation": 0},
        "network": {
            "layers": [
                {"units": width, "activation": activation, "init": init, "bias_init": bias(init)}
                for width in widths
            ],
            "output": "identity",
            "outputs": problem.arrays.y.shape[1]
            if problem.task != "multiclass"
            else classes(problem),
            "output_init": init if init == "torch" else "xavier_uniform",
            "output_bias_init": bias(init),
        },
        "training": {
            "loss": LOSS[problem.task],
            "loss_on": "logits",
            "optimizer": optimizer,
            "lr": float(f"{np.exp(rng.uniform(np.log(low), np.log(high))):.2g}"),
            **settings,
            "batch_size": batch,
            "epochs": max(1, round(steps / -(-examples // batch))),
        },
    }


def bias(init: str) -> str:
    """The biases that go with an initialiser."""
    return "torch" if init == "torch" else "zeros"


def classes(problem: Problem) -> int:
    """How many classes the targets name."""
    return int(problem.arrays.y.max()) + 1


LOSS = {
    "binary": "bce",
    "multiclass": "cross_entropy",
    "regression": "mse",
    "multilabel": "bce",
    "autoencoder": "mse",
}


def _moons(rng: Rng) -> tuple[Array, Array]:
    made: tuple[Array, Array] = datasets.make_moons(800, noise=0.15, random_state=_seed(rng))
    return made


def _circles(rng: Rng) -> tuple[Array, Array]:
    made: tuple[Array, Array] = datasets.make_circles(
        800, noise=0.1, factor=0.5, random_state=_seed(rng)
    )
    return made


def _gaussians(rng: Rng) -> tuple[Array, Array]:
    x, y = datasets.make_classification(
        800, 12, n_informative=6, n_redundant=2, class_sep=1.5, random_state=_seed(rng)
    )
    return x, y


def _several_gaussians(rng: Rng) -> tuple[Array, Array]:
    x, y = datasets.make_classification(
        1200, 15, n_informative=8, n_classes=4, class_sep=2.0, random_state=_seed(rng)
    )
    return x, y


def _blobs(rng: Rng) -> tuple[Array, Array]:
    x, y = datasets.make_blobs(900, 4, centers=5, cluster_std=2.0, random_state=_seed(rng))
    return x, y


def _digits(rng: Rng) -> tuple[Array, Array]:
    made: tuple[Array, Array] = datasets.load_digits(return_X_y=True)
    return made


def _wine(rng: Rng) -> tuple[Array, Array]:
    made: tuple[Array, Array] = datasets.load_wine(return_X_y=True)
    return made


def _tumours(rng: Rng) -> tuple[Array, Array]:
    made: tuple[Array, Array] = datasets.load_breast_cancer(return_X_y=True)
    return made


def _wave(rng: Rng) -> tuple[Array, Array]:
    x = rng.uniform(-3, 3, (600, 1))
    return x, np.sin(2 * x) + 0.1 * rng.normal(size=x.shape)


def _friedman(rng: Rng) -> tuple[Array, Array]:
    made: tuple[Array, Array] = datasets.make_friedman1(900, 8, noise=0.5, random_state=_seed(rng))
    return made


def _plane(rng: Rng) -> tuple[Array, Array]:
    x, y = datasets.make_regression(700, 8, n_informative=6, noise=5, random_state=_seed(rng))
    return x, y


def _three_quantities(rng: Rng) -> tuple[Array, Array]:
    x = rng.normal(size=(800, 6))
    y = np.c_[np.sin(x[:, 0]) + x[:, 1], x[:, 2] * x[:, 3], np.abs(x[:, 4])]
    return x, y + 0.1 * rng.normal(size=y.shape)


def _labels(rng: Rng) -> tuple[Array, Array]:
    x = rng.normal(size=(900, 10))
    logits = x @ rng.normal(size=(10, 5)) * 1.5 + 0.5
    return x, (logits > 0).astype(float)


def _codes(rng: Rng) -> tuple[Array, Array]:
    hidden = rng.normal(size=(800, 3))
    x = np.tanh(hidden @ rng.normal(size=(3, 10)))
    return x, x


def _seed(rng: Rng) -> int:
    return int(rng.integers(1 << 31))


PROBLEMS: Mapping[str, tuple[str, bool, Callable[[Rng], tuple[Array, Array]]]] = {
    "moons": ("binary", True, _moons),
    "circles": ("binary", True, _circles),
    "gaussians": ("binary", False, _gaussians),
    "tumours": ("binary", False, _tumours),
    "several gaussians": ("multiclass", False, _several_gaussians),
    "blobs": ("multiclass", False, _blobs),
    "digits": ("multiclass", False, _digits),
    "wine": ("multiclass", False, _wine),
    "wave": ("regression", True, _wave),
    "friedman": ("regression", False, _friedman),
    "plane": ("regression", False, _plane),
    "three quantities": ("regression", True, _three_quantities),
    "labels": ("multilabel", False, _labels),
    "codes": ("autoencoder", False, _codes),
}
