"""Faults that show in the course of a loss, a gradient or a layer, each beside its twin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from descend.findings.finding import Finding
from descend.findings.record import Record
from descend.findings.rule import rules
from tests.findings.scenes import codes, diagnosed, found

SGD = {"training.optimizer": "sgd"}
WHOLE = {**SGD, "training.batch_size": "all"}
UNSTABLE = {**WHOLE, "network.activation": "tanh", "training.epochs": 300}
SPIRALS = {**WHOLE, "data.source": "spirals", "training.epochs": 400}
OVERLAPPING = {**SGD, "data.noise": 0.5, "training.lr": 0.3, "training.epochs": 12}
SHIFTING = {"network.activation": "sigmoid", "data.noise": 0.5, "training.lr": 0.1}

SICK_AND_SOUND = {
    "D202": ({**SGD, "training.lr": 50.0}, {"training.lr": 0.5}),
    "D207": ({**SPIRALS, "training.lr": 0.03}, {"training.lr": 0.3}),
    "D210": ({**UNSTABLE, "training.lr": 30.0}, {"training.lr": 3.0}),
    "D212": ({**UNSTABLE, "training.lr": 30.0}, {"training.lr": 3.0}),
    "D213": ({**OVERLAPPING, "training.batch_size": 2}, {"training.batch_size": 32}),
    "D214": (SHIFTING, {"network.batch_norm": "before"}),
}


@pytest.mark.parametrize("code", SICK_AND_SOUND)
def test_a_fault_is_found_where_it_is_and_not_in_its_twin(code: str) -> None:
    """The twin differs in one field, which the finding's remedies name."""
    sick, cure = SICK_AND_SOUND[code]
    finding = found(diagnosed(sick), code)
    assert set(cure) & {field for remedy in finding.remedies for field in remedy.edits}
    twin = diagnosed({**sick, **cure})
    assert code not in codes(twin)
    assert twin.is_healthy


@pytest.mark.parametrize("code", SICK_AND_SOUND)
def test_the_recipe_that_all_these_are_edits_of_has_none_of_them(code: str) -> None:
    assert code not in codes(diagnosed())


def told_of(code: str) -> tuple[Finding, list[Record]]:
    """What is found, and the records of all seeds: the numbers are those of one of them."""
    diagnosis = diagnosed(SICK_AND_SOUND[code][0])
    return found(diagnosis, code), list(diagnosis.records)


def test_the_growth_of_an_exploding_gradient_is_that_of_its_layer() -> None:
    finding, records = told_of("D202")
    assert finding.place is not None
    sizes = [one.series("gradient_norm", one.layers[finding.place.number - 1]) for one in records]
    growth = finding.numbers["growth"]
    assert any(growth == pytest.approx(np.nanmax(size) / size[0]) for size in sizes)
    assert growth > 100


def test_a_slow_loss_is_told_with_how_many_times_the_steps_would_do() -> None:
    finding, records = told_of("D207")
    ends = [one.curves["train/loss"][-40:].mean() for one in records]
    assert any(finding.numbers["loss"] == pytest.approx(end, rel=0.01) for end in ends)
    assert 5 < finding.numbers["times"] < 100


def test_a_swinging_loss_is_told_with_its_swing() -> None:
    finding, records = told_of("D210")
    steps = [np.diff(one.curves["train/loss"][150:]) for one in records]
    swings = [np.median(np.abs(step)) / 2 for step in steps]
    assert any(finding.numbers["swing"] == pytest.approx(swing) for swing in swings)
    assert finding.numbers["turns"] > 0.5


def test_a_rising_loss_ends_above_its_beginning() -> None:
    finding, records = told_of("D212")
    curves = [one.curves["train/loss"] for one in records]
    assert all(curve[-30:].mean() > curve[0] for curve in curves)
    assert finding.numbers["risen"] > 1.2


def test_noise_is_the_spread_of_single_batches_beside_chance() -> None:
    """ln 2 is chance for two classes alike, but for the draw of the split."""
    finding, records = told_of("D213")
    spreads = [one.losses[len(one.losses) // 2 :].std() / np.log(2) for one in records]
    assert any(finding.numbers["noise"] == pytest.approx(spread, rel=0.01) for spread in spreads)


def test_a_shift_is_placed_where_the_layer_above_has_to_follow() -> None:
    finding, records = told_of("D214")
    assert finding.place is not None
    assert 1 <= finding.place.number <= 2
    layers = [one.layers[finding.place.number - 1] for one in records]
    means = [
        one.series("activation_mean", layer) for one, layer in zip(records, layers, strict=True)
    ]
    assert max(np.abs(mean - mean[0]).max() for mean in means) > 0.1  # of outputs from 0 to 1
    assert finding.numbers["shift"] > 2


@pytest.mark.parametrize(("before", "codes_due"), [(1.0, {"D203"}), (1000.0, {"D202", "D203"})])
def test_what_ceases_to_be_a_number_has_exploded_only_if_it_grew(
    before: float, codes_due: set[str]
) -> None:
    record = diagnosed().records[0]
    losses, slopes = record.losses.copy(), record.quantities["gradient_norm"].copy()
    losses[-1], slopes[-1] = np.nan, np.nan
    slopes[-4:-1] *= before
    weights = np.where(np.isnan(slopes), np.nan, record.quantities["weight_norm"])
    lost = replace(
        record,
        losses=losses,
        quantities={**record.quantities, "gradient_norm": slopes, "weight_norm": weights},
        status="diverged",
    )
    during = [rule for rule in rules() if rule.code in ("D202", "D203")]
    assert {one.code for rule in during for one in rule.findings(lost)[0]} == codes_due
