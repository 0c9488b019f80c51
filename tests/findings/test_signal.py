"""Whether inputs and targets go together is told from shuffled targets, in every kind of task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from descend.data.arrays import from_arrays
from descend.diagnosis.diagnosing import diagnose
from descend.diagnosis.profiling import profile_of
from descend.findings.before.pairs_apart import pairs_apart
from descend.findings.finding import Finding
from descend.findings.measured import NotMeasured
from descend.findings.profile import Profile
from descend.findings.record import Record
from descend.findings.signal import carried_over, held_out_signal, signal_of
from descend.recipe.model import Data
from tests.findings.scenes import found, noise


def profile(x: Any, y: Any, test: Any = None) -> Profile:
    data = Data.model_validate({"source": "arrays", "scale": "none", "validation": 0, "test": 0.3})
    return profile_of(from_arrays(x, y, data, test=test))


def targets(x: Any, task: str) -> Any:
    if task == "regression":
        return np.sin(2 * x[:, :1])
    if task == "multilabel":
        return (x[:, :2] > 0).astype(np.int64)
    return (x[:, 0] > 0).astype(np.int64)


@pytest.mark.parametrize("task", ["regression", "binary", "multilabel"])
def test_targets_of_these_inputs_are_told_from_those_of_others(task: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4))
    y = targets(x, task)
    assert signal_of(profile(x, y)).is_clear
    assert signal_of(profile(x, rng.permutation(y))).is_none


def test_a_chance_is_evenly_spread_where_there_is_no_signal() -> None:
    """As it must be of a permutation test: of forty sets about one in ten is below 0.1."""
    chances = []
    for seed in range(40):
        x, y = noise(150, 5, seed)
        chances.append(signal_of(profile(x, y)).chance)
    assert 0 <= sum(chance <= 0.1 for chance in chances) <= 10
    assert 0.3 < float(np.mean(chances)) < 0.7


def test_a_weak_signal_in_many_features_is_still_one() -> None:
    """As much noise as signal, and 100 features of which one counts."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 100))
    y = x[:, :1] + rng.normal(size=(700, 1))
    assert signal_of(profile(x, y)).chance <= 0.02


def test_of_few_pairs_nobody_can_tell() -> None:
    x, y = noise(60, 2)
    with pytest.raises(NotMeasured):
        held_out_signal(profile(x, y))


@pytest.mark.parametrize("case", ["train", "test", "other meaning", "none"])
def test_a_split_whose_targets_belong_to_other_inputs_is_named(case: str) -> None:
    rng = np.random.default_rng(3)
    x, x_test = rng.normal(size=(400, 3)), rng.normal(size=(200, 3))
    y, y_test = x[:, :1] + x[:, 1:2], x_test[:, :1] + x_test[:, 1:2]
    if case == "train":
        y = rng.permutation(y)
    if case == "test":
        y_test = rng.permutation(y_test)
    if case == "other meaning":
        y_test = -y_test
    record = Record(known_profile=profile(x, y, test=(x_test, y_test)))
    finding = pairs_apart.look(record)
    assert isinstance(finding, Finding) == (case != "none")
    if isinstance(finding, Finding):
        said = {"train": "the training targets", "test": "the held-out targets"}
        assert finding.cause.startswith(said.get(case, "targets mean something else"))


def test_inputs_without_signal_are_named_where_networks_do_not_know_more() -> None:
    """A network knows them by heart, and no others: the cause stands first."""
    x, y = noise(300, 20)
    recipe = {"network": {"hidden": [64]}, "training": {"lr": 0.01, "epochs": 60}}
    diagnosis = diagnose(recipe, data=(x, y))
    assert diagnosis.findings[0].code == "D140"
    assert diagnosis.findings[0].severity != "note"
    assert "D309" in {one.code for one in diagnosis.findings[0].consequences}


def test_what_a_network_can_see_and_simple_models_cannot_is_no_fault() -> None:
    """The parity of four of ten bits: neighbours and lines see nothing in it, a network does."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 2, (1500, 10)).astype(np.float32) * 2 - 1
    y = (x[:, :4].prod(axis=1) > 0).astype(np.int64)
    recipe = {
        "data": {"scale": "none", "validation": 0, "test": 0.2},
        "network": {"hidden": [64]},
        "training": {"lr": 0.01, "epochs": 60},
    }
    diagnosis = diagnose(recipe, data=(x, y))
    assert diagnosis.records[0].metrics["test/accuracy"] > 0.95
    assert diagnosis.is_healthy


def test_a_rate_that_moves_nothing_is_no_lack_of_signal() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 4)).astype(np.float32)
    recipe = {"training": {"lr": 1e-9, "epochs": 20}}
    diagnosis = diagnose(recipe, data=(x, (x[:, 0] > 0).astype(np.int64)))
    assert found(diagnosis, "D209")
    assert "D140" not in {one.code for one in diagnosis.findings}


def test_targets_far_from_zero_carry_over_to_held_out_ones() -> None:
    """Both in units of one spread: targets around 500 differ by no more than targets around 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    y = x[:, :1] + 0.3 * rng.normal(size=(400, 1))
    scales = {"scale": "none", "target_scale": "none"}
    data = Data.model_validate({"source": "arrays", "validation": 0, "test": 0.3, **scales})
    near, far = (carried_over(profile_of(from_arrays(x, one, data))) for one in (y, y + 500))
    assert near > 0.5
    assert far == pytest.approx(near, abs=0.01)  # float32 keeps five digits of 500
