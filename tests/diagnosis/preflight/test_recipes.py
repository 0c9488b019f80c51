"""A preflight of recipes: descend's own passes are what is checked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import descend
from descend.network.activations import Tanh

TASKS: dict[str, dict[str, Any]] = {
    "binary": {"source": "moons"},
    "multiclass": {"source": "digits"},
    "regression": {"source": "sine"},
    "multilabel": {"source": "multilabel"},
    "pixels": {"source": "shapes"},
    "autoencoder": {"source": "digits", "target": "inputs"},
}


@pytest.mark.parametrize("task", TASKS)
def test_a_healthy_recipe_of_each_task_passes(task: str) -> None:
    """With batch normalisation and dropout in one of them."""
    network = {"batch_norm": "before", "dropout": 0.2} if task == "multiclass" else {}
    found = descend.preflight({"data": TASKS[task], "network": network})
    assert found.passed, str(found)
    joined = "batch normalisation joins them" in found["examples-apart"].sentence
    assert joined == (task == "multiclass")


@pytest.mark.parametrize(
    ("source", "edits", "failed"),
    [
        ("xor", {"network.hidden": []}, ["overfits"]),
        ("digits", {"network.output": "softmax", "training.loss_on": "logits"}, ["overfits"]),
        ("digits", {"training.loss": "nll", "network.output": "identity"}, ["overfits"]),
        (
            "digits",
            {"network.init": "zeros", "network.bias_init": "zeros"},
            ["overfits", "layers-learn"],
        ),
        ("digits", {"training.reduction": "sum_weights"}, ["gradients-agree"]),
    ],
    ids=["too small", "softmax twice", "no log-probabilities", "zeros", "a published fault"],
)
def test_a_recipe_that_is_wrong_fails(
    source: str, edits: dict[str, Any], failed: list[str]
) -> None:
    """The check that its fault is about."""
    found = descend.preflight(source, edits=edits)
    assert found.failed == failed, str(found)


def test_a_wrong_derivative_of_our_own_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The gradients that are checked are those that training follows."""
    right = Tanh.backward
    monkeypatch.setattr(Tanh, "backward", lambda self, da: right(self, da).mul_(1.001))
    found = descend.preflight("moons", edits={"network.activation": "tanh"})
    assert found.failed == ["gradients-agree"]
    # the first layer lies below two of them
    assert found["gradients-agree"].numbers["error"] == pytest.approx(2e-3, rel=0.1)


def test_the_batch_is_learnt_whatever_rate_or_penalty_the_recipe_has() -> None:
    """It is the network and its loss that are looked at, not how long they are trained."""
    edits = {
        "training.optimizer": "sgd",
        "training.lr": 1e-9,
        "network.dropout": 0.9,
        "network.l2": 10.0,
        "training.clip_norm": 1e-6,
        "training.schedule": "cosine",
    }
    found = descend.preflight("digits", edits=edits)
    assert found.passed, str(found)


def test_arrays_are_looked_at_as_well() -> None:
    """Two classes that are told apart by their sum."""
    x = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    y = (x.sum(1) > 0).astype(np.int64)
    found = descend.preflight({"training": {"epochs": 3}}, data=(x, y))
    assert found.passed, str(found)


def test_a_result_is_plain_data_and_reads_well() -> None:
    """A line for each check."""
    found = descend.preflight("xor")
    document = found.to_json()
    assert document["passed"] is True
    assert [one["check"] for one in document["checks"]] == [
        *("overfits", "layers-learn", "examples-apart", "gradients-agree")
    ]
    assert str(found).splitlines()[0].startswith("passed: one batch can be overfitted: ")
