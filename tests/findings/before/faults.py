"""A small case of each fault, and its healthy twin: what differs between them is the fault."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

from descend.data.arrays import from_arrays
from descend.data.examples import Examples
from descend.recipe import Recipe
from descend.recipe.model import Data

Tree = Mapping[str, Any]


@dataclass(frozen=True)
class Fault:
    """A recipe with a fault, by edits of a healthy one.

    data, healthy_data: makers of arrays, where the fault is one of the data. place: where it sits.
    is_cured: whether the finding's own remedy makes it silent.
    """

    fault: Tree
    base: Tree = field(default_factory=dict)
    place: str | None = None
    data: Callable[[], Examples] | None = None
    healthy_data: Callable[[], Examples] | None = None
    is_cured: bool = True
    severity: str | None = None

    @property
    def healthy(self) -> Recipe:
        return Recipe.of({"data": {"source": "arrays" if self.data else "moons"}}).edited(self.base)

    @property
    def recipe(self) -> Recipe:
        return self.healthy.edited(self.fault)


def arrays(
    features: int = 4,
    task: str = "regression",
    scale: float = 1.0,
    shift: float = 0.0,
    target: float = 1.0,
    examples: int = 200,
    prepared: str = "none",
    **also: Any,
) -> Examples:
    """Standard normal inputs and what two of them add up to, all scaled as asked."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(examples, features))
    y = np.tanh(x[:, 0] + 0.5 * x[:, -1]) + 0.1 * rng.normal(size=examples)
    targets: Any = (y > 0).astype(np.int64) if task == "binary" else target * y[:, None]
    if task == "one class":
        task, targets = "binary", np.zeros(examples, np.int64)
    data = {"source": "arrays", "scale": prepared, "target_scale": "none", "task": task}
    return from_arrays(x * scale + shift, targets, Data.model_validate(data), **also)


@cache
def by(**given: Any) -> Callable[[], Examples]:
    return cache(lambda: arrays(**given))


def constant_column() -> Examples:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    x[:, 1] = 7.0
    return from_arrays(x, x[:, 0] > 0, Data(source="arrays", scale="none"))


def doubled_column() -> Examples:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 3))
    x[:, 2] = 3 * x[:, 0] - 1
    return from_arrays(x, x[:, 0] > 0, Data(source="arrays", scale="none"))


def with_test(factor: float = 1.0, shift: float = 0.0) -> Callable[[], Examples]:
    def made() -> Examples:
        rng = np.random.default_rng(1)
        x = rng.normal(size=(60, 4)) * factor + shift
        return arrays(task="binary", test=(x, (x[:, 0] > 0).astype(np.int64)))

    return made


def shuffled(*, train: bool = False, test: bool = False) -> Examples:
    """Examples of three classes, the targets of a split in the order of other inputs."""
    rng = np.random.default_rng(2)
    x, x_test = rng.normal(size=(300, 3)), rng.normal(size=(150, 3))
    y, y_test = (np.digitize(inputs[:, 0], (-0.5, 0.5)) for inputs in (x, x_test))
    data = Data(source="arrays", scale="none", task="multiclass")
    return from_arrays(
        x,
        rng.permutation(y) if train else y,
        data,
        test=(x_test, rng.permutation(y_test) if test else y_test),
    )


def gap_in_classes() -> Examples:
    rng = np.random.default_rng(0)
    y = np.arange(90) % 3 + 1  # labels counted from 1
    x = rng.normal(size=(90, 2)) + y[:, None]
    data = Data(source="arrays", task="multiclass")
    return from_arrays(x, y, data, classes=("none", "a", "b", "c"))


BLOBS = {"data.source": "blobs"}
SINE = {"data.source": "sine"}
LABELS = {"data.source": "multilabel"}
XOR = {"data.source": "xor", "network.hidden": [4]}
DEEP = {"network.hidden": [16] * 10, "network.activation": "sigmoid"}
DIGITS = {"data.source": "digits"}
SGD = {"training.optimizer": "sgd"}

FAULTS: dict[str, Fault] = {
    "D100": Fault({"training.loss": "poisson"}, is_cured=False),
    "D101": Fault({"network.init": "normal"}, DIGITS, "layer 1 of 3"),
    "D102": Fault(
        {"network.init": {"name": "normal", "std": 0.01}},
        {"network.hidden": [32, 32, 32]},
        "layer 1 of 4",
    ),
    "D103": Fault(
        {"network.init": "xavier_uniform"}, {"network.hidden": [24] * 24}, "layer 1 of 25"
    ),
    "D104": Fault({"network.init": "zeros", "network.bias_init": "zeros"}, DIGITS, "layer 1 of 3"),
    "D105": Fault({"network.init": "uniform"}, {"network.activation": "tanh"}, "layer 1 of 3"),
    "D106": Fault({"network.output_init": {"name": "normal", "std": 5.0}}, DIGITS, "layer 3 of 3"),
    "D110": Fault(
        {"network.output": "softmax", "training.loss_on": "logits"}, BLOBS, "layer 3 of 3"
    ),
    "D111": Fault({"training.loss_on": "probabilities", "network.output": "identity"}),
    "D112": Fault(
        {"network.output": "softmax", "training.loss_on": "probabilities"}, place="layer 3 of 3"
    ),
    "D113": Fault(
        {"network.output": "sigmoid", "training.loss_on": "probabilities"}, BLOBS, "layer 3 of 3"
    ),
    "D114": Fault({"network.output": "softmax"}, LABELS, "layer 3 of 3"),
    "D115": Fault(
        {"network.output": "softmax"},
        {**BLOBS, "data.target": "inputs"},
        "layer 4 of 4",
    ),
    "D116": Fault({"network.output": "sigmoid"}, SINE, "layer 3 of 3"),
    "D117": Fault({"network.output": "relu", "training.loss_on": "logits"}, BLOBS, "layer 3 of 3"),
    "D118": Fault({"training.loss": "mse"}, BLOBS),
    "D119": Fault({"network.outputs": 32}, BLOBS, "layer 3 of 3"),
    "D120": Fault({"network.activation": "identity"}, {"data.source": "circles"}, "layer 1 of 3"),
    "D121": Fault(
        {"network.output": "log_softmax", "training.loss": "cross_entropy"},
        BLOBS,
        "layer 3 of 3",
        severity="note",
    ),
    "D122": Fault({"network.activation": "exp"}, {"network.hidden": [8, 8, 8]}, "layer 1 of 4"),
    "D123": Fault({"network.output": "tanh"}, BLOBS, "layer 3 of 3"),
    "D124": Fault({"network.activation": "softmax"}, {}, "layer 1 of 3"),
    "D130": Fault(
        {}, data=by(scale=200.0), healthy_data=by(), is_cured=False, place="feature 4 of 4"
    ),
    "D131": Fault({}, data=by(scale=0.002), healthy_data=by(), is_cured=False),
    "D132": Fault({}, data=by(target=500.0), healthy_data=by(), is_cured=False),
    "D133": Fault(
        {},
        data=constant_column,
        healthy_data=by(task="binary"),
        place="feature 2 of 3",
        is_cured=False,
        severity="note",
    ),
    "D134": Fault(
        {},
        data=doubled_column,
        healthy_data=by(task="binary"),
        place="feature 3 of 3",
        is_cured=False,
        severity="note",
    ),
    "D135": Fault({}, data=by(task="one class"), healthy_data=by(task="binary"), is_cured=False),
    "D136": Fault({}, data=with_test(255.0), healthy_data=with_test(), is_cured=False),
    "D137": Fault({}, data=with_test(shift=3.0), healthy_data=with_test(), is_cured=False),
    "D138": Fault(
        {"data.scale": "standard", "training.loss": "bce"},
        {"data.source": "digits", "data.target": "inputs", "data.scale": "unit"},
    ),
    "D139": Fault(
        {},
        data=gap_in_classes,
        healthy_data=by(task="binary"),
        is_cured=False,
        severity="note",
    ),
    "D140": Fault(
        {},
        data=lambda: shuffled(train=True, test=True),
        healthy_data=lambda: shuffled(),
        is_cured=False,
        severity="note",
    ),
    "D141": Fault(
        {"training.shuffle": False},
        {"training.drop_last": True, "training.batch_size": 32},
    ),
    "D142": Fault({"data.test": 0, "data.validation": 0}, severity="note"),
    "D143": Fault(
        {},
        data=lambda: shuffled(train=True),
        healthy_data=lambda: shuffled(),
        is_cured=False,
    ),
    "D144": Fault(
        {"network.init": {"name": "constant", "value": 0.1}, "network.bias_init": "zeros"},
        {"network.hidden": [16], "network.output_init": "xavier_uniform"},
        "layer 1 of 2",
    ),
    "D150": Fault(
        {"network.hidden": [16, 1, 16]}, {"network.hidden": [16, 16, 16]}, "layer 2 of 4"
    ),
    "D151": Fault(
        {"network.activation": "sigmoid"}, {"network.hidden": [16] * 10}, "layer 1 of 11"
    ),
    "D152": Fault({"network.hidden": []}, XOR),
    "D153": Fault({"network.dropout": 0.9}, place="layer 1 of 3"),
    "D154": Fault({"network.l2": 1.0}, place="layer 1 of 3"),
    "D155": Fault(
        {"training.batch_size": 1}, {"network.batch_norm": "before"}, place="layer 1 of 3"
    ),
    "D160": Fault({"training.lr": 1000.0}, {**SINE, **SGD}),
    "D161": Fault({"training.lr": 1e-9}),
    "D162": Fault({"training.epochs": 1, "training.batch_size": "all"}),
    "D163": Fault({"training.batch_size": 1000, "training.epochs": 20}, DIGITS),
    "D164": Fault({"training.eps": 10.0}),
    "D165": Fault({"training.reduction": "sum"}, {**SGD, "training.lr": 0.01}, severity="note"),
    "D166": Fault({"training.reduction": "sum_weights"}, SGD),
    "D167": Fault({"training.early_stopping": {"metric": "train/loss"}}, severity="note"),
    "D168": Fault(
        {"training.batch_size": 32}, {**DIGITS, "training.optimizer": "rprop", "training.epochs": 9}
    ),
}
