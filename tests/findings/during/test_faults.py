"""Each fault that shows while a network trains, built small: named, placed, and not in its twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from descend.diagnosis.diagnosing import diagnose
from descend.findings.rule import rules
from tests.findings.scenes import codes, diagnosed, found

DEEP = {"network.hidden": [16] * 7, "network.activation": "sigmoid", "training.optimizer": "sgd"}


def test_the_twin_is_healthy() -> None:
    """The recipe that every fault here is an edit of has none of them."""
    diagnosis = diagnosed()
    assert diagnosis.is_healthy
    assert diagnosis.share == 1.0
    assert "D206" in diagnosis.examination.margins


def test_the_gradient_of_a_deep_sigmoid_network_vanishes() -> None:
    finding = found(diagnosed({**DEEP, "training.lr": 0.1}), "D201")
    assert str(finding.place) == "layer 1 of 8"
    assert finding.since == 0
    assert finding.numbers["left"] < 0.02


def test_a_vanishing_gradient_explains_the_plateau() -> None:
    finding = diagnosed({**DEEP, "training.lr": 0.1}).findings[0]
    assert finding.code == "D201"
    assert "D206" in {one.code for one in finding.consequences}


@pytest.mark.parametrize("lr", [10.0, 30.0])
def test_a_rate_too_high_is_named_with_one_that_learns(lr: float) -> None:
    diagnosis = diagnosed(
        {"training.optimizer": "sgd", "network.activation": "tanh", "training.lr": lr}
    )
    finding = found(diagnosis, "D208")
    assert finding.numbers["stable_lr"] < lr / 2
    assert all(remedy.edits["training.lr"] < lr for remedy in finding.remedies)


@pytest.mark.parametrize("lr", [1e-9, 1e-5])
def test_a_rate_too_low_is_told_from_a_plateau(lr: float) -> None:
    diagnosis = diagnosed({"training.optimizer": "sgd", "training.lr": lr})
    finding = found(diagnosis, "D209")
    assert finding.remedies[0].edits["training.lr"] > 10 * lr
    assert diagnosis.findings[0].code not in ("D206", "D207", "D303")


def test_a_rate_of_zero_moves_nothing() -> None:
    assert "D211" in codes(diagnosed({"training.lr": 0.0}))


@pytest.mark.filterwarnings("ignore:overflow")
def test_the_first_layer_that_overflows_is_named_and_not_those_behind_it() -> None:
    x = np.linspace(-1, 1, 64, dtype=np.float32)[:, None] * np.float32(1e5)
    recipe = {
        "data": {"scale": "none", "validation": 0, "test": 0, "task": "regression"},
        "network": {
            "layers": [
                {"units": 4, "activation": "tanh"},
                {"units": 4, "activation": "identity", "init": {"name": "constant", "value": 1e3}},
                {"units": 4, "activation": "exp"},
                {"units": 4, "activation": "relu"},
            ]
        },
        "training": {"epochs": 50},
    }
    finding = found(diagnose(recipe, data=(x, x[:, 0] / 1e5)), "D203")
    assert str(finding.place) == "layer 3 of 5"
    assert finding.since == 0


def test_dead_units_are_found_with_layer_and_step() -> None:
    diagnosis = diagnosed({"network.bias_init": {"name": "constant", "value": -50.0}})
    finding = found(diagnosis, "D204")
    assert str(finding.place) == "layer 1 of 3"
    assert finding.since == 0
    assert finding.numbers["dead_share"] == 1


@pytest.mark.parametrize(
    ("widths", "dead", "named"),
    [
        ([12, 3], [0.75, 2 / 3], 2),  # three units are left, and one
        ([50, 30], [1.0, 1.0], 2),
        ([4, 4], [1.0, 1.0], 1),
        ([8, 4], [0.75, 0.25], 1),
    ],
)
def test_the_layer_with_the_fewest_units_left_is_named(
    widths: list[int], dead: list[float], named: int
) -> None:
    record = diagnosed({"network.hidden": widths, "training.lr": 0.0001}).records[0]
    sick = replace(record, units={"dead": np.array([*dead, 0.0])})
    (rule,) = [one for one in rules() if one.code == "D204"]
    (finding,), _ = rule.findings(sick)
    assert finding.place is not None
    assert finding.place.number == named


def test_of_layers_that_were_dead_from_the_start_the_first_is_named() -> None:
    """It leaves nothing to the narrower one behind it, whose own biases let it live."""
    dead = {"name": "constant", "value": -50.0}
    layers = [{"units": 32, "bias_init": dead}, {"units": 8, "bias_init": "zeros"}]
    recipe = {"data": {"source": "circles"}, "network": {"layers": layers}}
    finding = found(diagnose(recipe, edits={"training.epochs": 20}), "D204")
    assert str(finding.place) == "layer 1 of 3"


def test_a_layer_that_is_shut_is_found_before_anything_can_be_said_of_the_loss() -> None:
    """Its biases hold all its units at the end of their curve: the layers below get no gradient."""
    layers = [
        {"units": 16, "activation": "tanh"},
        {"units": 32, "activation": "tanh", "bias_init": {"name": "constant", "value": 12.0}},
    ]
    recipe: Mapping[str, Any] = {
        "data": {"source": "digits", "task": "autoencoder"},
        "network": {"layers": layers},
        "training": {"epochs": 20},
    }
    diagnosis = diagnose(recipe, seeds=[0])
    assert diagnosis.share < 1
    assert [one.code for one in diagnosis.findings] == ["D205"]
    assert str(diagnosis.findings[0].place) == "layer 2 of 3"


def test_zeros_of_units_that_live_are_no_fault() -> None:
    record = diagnosed().records[0]
    assert max(record.series("zero_share", record.layers[1])) > 0.3
    assert "D204" not in codes(diagnosed())


def test_units_saturated_from_the_start_are_found() -> None:
    edits = {
        "network.activation": "tanh",
        "network.init": {"name": "normal", "std": 30.0},
        "training.lr": 1e-3,
    }
    finding = found(diagnosed(edits), "D205")
    assert str(finding.place) == "layer 1 of 3"
    assert finding.since == 0


@pytest.mark.parametrize(
    ("task", "answer"), [("binary", "ln 2"), ("multiclass", "ln 4"), ("regression", "the mean")]
)
def test_a_plateau_names_its_baseline(task: str, answer: str) -> None:
    """Zeroed inputs leave nothing but the constant answer."""
    x = np.zeros((240, 3), dtype=np.float32)
    y: Any = np.arange(240) % {"binary": 2, "multiclass": 4, "regression": 7}[task]
    y = y.astype(np.float32) if task == "regression" else y
    recipe: Mapping[str, Any] = {
        "data": {"task": task, "scale": "none"},
        "training": {"epochs": 40},
    }
    diagnosis = diagnose(recipe, data=(x, y))
    assert answer in found(diagnosis, "D206").evidence


@pytest.mark.parametrize(("accuracy", "is_plateau"), [(0.93, False), (0.5, True)])
def test_a_few_very_sure_wrong_answers_are_no_plateau(accuracy: float, is_plateau: bool) -> None:
    """They take the loss above that of chance, though nearly all the others are right."""
    record = diagnosed().records[0]
    sure = replace(
        record,
        losses=np.full_like(record.losses, 28.0),
        curves={**record.curves, "train/loss": np.full(40, 28.0)},
        metrics={**record.metrics, "train/accuracy": accuracy},
    )
    (rule,) = [one for one in rules() if one.code == "D206"]
    assert bool(rule.findings(sure)[0]) is is_plateau


def test_a_plateau_that_is_left_is_none() -> None:
    """The lab with three sigmoid layers stays at ln 2 for thousands of steps, and learns."""
    diagnosis = diagnose("xor-nn-wide-deep", seeds=[777])
    record = diagnosis.records[0]
    assert record.losses[record.steps == 1001 - 1001 % 17] == pytest.approx(np.log(2), abs=0.01)
    assert diagnosis.is_healthy


def test_hidden_layers_that_lose_the_examples_are_found() -> None:
    finding = found(diagnosed({**DEEP, "training.lr": 0.1}), "D215")
    assert str(finding.place) in [f"layer {number} of 8" for number in range(2, 8)]
