"""Networks that do well, with what looks like a fault: small sets, uneven classes, much dropout."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from descend.data.arrays import from_arrays
from descend.diagnosis.baselines import Baselines
from descend.diagnosis.diagnosing import Diagnosis, diagnose
from descend.recipe.model import Data
from tests.findings.scenes import codes, found


def uneven(examples: int = 800, share: float = 0.06) -> tuple[Any, Any]:
    """Two clouds, one with few examples, that overlap a little."""
    generator = np.random.default_rng(0)
    y = (generator.random(examples) < share).astype(np.int64)
    x = generator.normal(size=(examples, 6)) + 1.2 * y[:, None]
    return x.astype(np.float32), y


def few(examples: int = 40) -> tuple[Any, Any]:
    """Two clouds of few examples, far apart."""
    generator = np.random.default_rng(0)
    y = np.arange(examples) % 2
    x = generator.normal(size=(examples, 4)) + 2.5 * y[:, None]
    return x.astype(np.float32), y


REGRESSION = Data.model_validate({"source": "arrays", "target_scale": "none", "test": 0.3})
DROPOUT: Mapping[str, Any] = {"network.hidden": [64, 32, 16], "network.dropout": 0.5}
NORMALISED: Mapping[str, Any] = {"network.hidden": [64], "network.batch_norm": "before"}


def of(data: tuple[Any, Any], edits: Mapping[str, Any]) -> Diagnosis:
    base = {"training": {"lr": 0.002, "epochs": 40, "batch_size": 16}}
    return diagnose(base, edits=edits, data=data)


def test_what_a_largest_class_hides_is_not_called_chance() -> None:
    """Where 94 % are one class, 160 examples cannot tell what is known of the rest from chance."""
    diagnosis = of(uneven(), {"training.epochs": 60, "network.hidden": [64]})
    assert diagnosis.records[0].metric("train/accuracy") > 0.97
    assert "D309" not in codes(diagnosis)


def test_dropout_that_only_slows_the_beginning_is_no_fault() -> None:
    diagnosis = of(uneven(), {**DROPOUT, "network.activation": "tanh"})
    assert "D304" not in codes(diagnosis)
    assert diagnosis.is_healthy


def test_a_penalty_is_not_blamed_where_neither_training_stays_finite() -> None:
    edits = {"training.optimizer": "sgd", "training.lr": 1e6, "network.l2": 1e-4}
    diagnosis = of(few(), edits)
    assert not diagnosis.is_healthy
    assert "D304" not in codes(diagnosis)


def test_swings_by_dropout_and_few_examples_are_none_of_the_rate() -> None:
    edits = {**NORMALISED, "network.dropout": 0.4, "training.batch_size": 8}
    diagnosis = of(few(), {**edits, "training.epochs": 60})
    assert "D210" not in codes(diagnosis)


@pytest.mark.parametrize("gate", ["and", "or", "xor"])
def test_a_gate_that_is_answered_rightly_needs_no_higher_rate(gate: str) -> None:
    edits = {"training.lr": 0.001, "training.epochs": 500, "training.batch_size": "all"}
    recipe = {"data": {"source": gate}, "network": {"hidden": [16]}}
    diagnosis = diagnose(recipe, edits=edits)
    known = [one.metric("train/accuracy") == 1.0 for one in diagnosis.records]
    assert sum(known) > len(known) / 2
    assert diagnosis.is_healthy


def test_what_early_stopping_has_taken_back_is_not_overfitting() -> None:
    """The loss rises on, and the weights that are kept are those from before it did."""
    x, y = overlapping()
    edits = {"training.epochs": 100, "training.lr": 0.01, "network.hidden": [128, 128]}
    edits["data.validation"] = 0.2
    as_it_is = of((x, y), edits)
    assert found(as_it_is, "D301").severity == "warning"
    stopped = of((x, y), {**edits, "training.early_stopping": {"patience": 20}})
    assert "D301" not in codes(stopped)


def overlapping(examples: int = 200) -> tuple[Any, Any]:
    """Two clouds in eight dimensions that overlap by much."""
    generator = np.random.default_rng(0)
    y = np.arange(examples) % 2
    x = generator.normal(size=(examples, 8)) + 0.4 * y[:, None]
    return x.astype(np.float32), y


def test_inputs_whose_signal_is_weak_in_a_few_hundred_are_judged_by_all() -> None:
    """Whether ten numbers are far from 0: some hundred pairs do not show it, but all of them do."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(2000, 10)).astype(np.float32)
    y = ((x**2).sum(axis=1) > 9.34).astype(np.int64)
    edits = {"training.optimizer": "sgd", "training.lr": 1e-4, "network.hidden": [16]}
    diagnosis = of((x, y), edits)
    assert "D140" not in codes(diagnosis)
    assert not diagnosis.is_healthy


@pytest.mark.parametrize("bound", [1e-4, 2e-3])
def test_few_steps_are_not_blamed_for_gradients_that_are_cut(bound: float) -> None:
    """Thousands of such steps would move nothing either."""
    edits = {"training.optimizer": "sgd", "training.lr": 0.01, "training.clip_norm": bound}
    diagnosis = of(few(), edits)
    assert "D162" not in codes(diagnosis)
    assert found(diagnosis, "D209").remedies[0].edits == {"training.clip_norm": None}


def test_equal_weights_are_told_as_such_and_not_by_their_sign() -> None:
    diagnosis = of(few(), {"network.init": "ones", "network.hidden": [16, 16]})
    assert {"D144", "D104"} & codes(diagnosis)
    assert "D105" not in codes(diagnosis)


def test_a_linear_model_knows_targets_far_from_zero_as_well() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(400, 4)).astype(np.float32)
    y = x[:, :1] + 0.3 * generator.normal(size=(400, 1))
    near, far = (Baselines(from_arrays(x, one, REGRESSION)) for one in (y, y + 1000))
    assert far["linear/r2"] == pytest.approx(near["linear/r2"], abs=1e-3)
