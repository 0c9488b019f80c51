"""Every rule of the first family: it fires on the fault, not on its twin, and its remedy cures."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from descend.data.arrays import from_arrays
from descend.diagnosis.checking import Check, check
from descend.findings.finding import Finding
from descend.findings.rule import rules
from descend.recipe import Recipe
from descend.recipe.model import Data
from tests.findings.before.faults import FAULTS, Fault

CODES = sorted(FAULTS)


def looked_at(fault: Fault, recipe: Recipe, *, is_healthy: bool = False) -> Check:
    make = (fault.healthy_data if is_healthy else None) or fault.data
    return check(recipe, data=make() if make else None)


@cache
def of(code: str) -> Check:
    """What is found in the fault's recipe."""
    return looked_at(FAULTS[code], FAULTS[code].recipe)


def found(code: str) -> Finding:
    """The finding with this code, be it below another."""
    return named(of(code), code)


def named(looked: Check, code: str) -> Finding:
    everything = [one for root in looked.findings for one in (root, *root.consequences)]
    return next(one for one in everything if one.code == code)


def codes(looked: Check) -> set[str]:
    return {one.code for root in looked.findings for one in (root, *root.consequences)}


def test_every_rule_of_this_family_has_a_case() -> None:
    assert set(CODES) == {rule.code for rule in rules() if rule.family == "before"}


@pytest.mark.parametrize("code", CODES)
def test_fires_on_the_fault_and_says_where(code: str) -> None:
    finding = found(code)
    assert finding.evidence
    assert finding.cause
    assert finding.healthy
    if FAULTS[code].place is not None:
        assert str(finding.place) == FAULTS[code].place
    if FAULTS[code].severity is None:
        assert finding.severity in ("error", "warning")


@pytest.mark.parametrize("code", CODES)
def test_is_silent_on_the_healthy_twin(code: str) -> None:
    fault = FAULTS[code]
    looked = looked_at(fault, fault.healthy, is_healthy=True)
    assert code not in codes(looked)
    assert looked.examination.is_healthy, looked.findings


@pytest.mark.parametrize("code", CODES)
def test_every_remedy_can_be_applied_and_the_first_one_silences(code: str) -> None:
    """Arrays keep the preparation that they came with, so that edits of `data` are only applied."""
    finding, fault = found(code), FAULTS[code]
    edited = [of(code).recipe.edited(remedy.edits) for remedy in finding.remedies]
    if fault.is_cured:
        assert code not in codes(looked_at(fault, edited[0]))


@pytest.mark.parametrize("code", CODES)
def test_a_finding_is_plain_data(code: str) -> None:
    written = found(code).to_json()
    assert written["code"] == code
    assert all(isinstance(number, float | int) for number in written["numbers"].values())


def test_zero_weights_whose_biases_differ_are_equal_units() -> None:
    """Their gradients are multiples of each other; drawn at random they are not."""
    tree: dict[str, object] = {"data": {"source": "digits"}, "network": {"init": "zeros"}}
    assert named(check(tree), "D144").place is not None
    assert "D104" not in codes(check(tree))
    assert "D144" not in codes(check(tree, edits={"network.init": "he_normal"}))


def test_examples_of_another_kind_are_not_in_another_unit() -> None:
    """A later range of one feature is as wide as the earlier one: no factor makes one of both."""
    rng = np.random.default_rng(0)
    x, later = rng.uniform(-5, 5, size=(300, 1)), rng.uniform(4, 12, size=(100, 1))
    data = Data(source="arrays", scale="none", target_scale="none")
    looked = check(
        Recipe.of({"data": {"source": "arrays"}}),
        data=from_arrays(x, np.sin(x), data, test=(later, np.sin(later))),
    )
    assert looked.findings[0].code == "D137"
    assert "D136" not in codes(looked)


def test_standardised_training_beside_raw_test_inputs_is_another_unit() -> None:
    """Spreads of 1 in both: that the training inputs lie around 0 is what a preparation does."""
    rng = np.random.default_rng(0)
    x, raw = rng.normal(size=(300, 4)), rng.normal(size=(100, 4)) + 6
    x = (x - x.mean(axis=0)) / x.std(axis=0)
    data = Data(source="arrays", scale="none")
    looked = check(
        Recipe.of({"data": {"source": "arrays"}}),
        data=from_arrays(x, x[:, 0] > 0, data, test=(raw, raw[:, 0] > 6)),
    )
    assert looked.findings[0].code == "D136"


def test_two_rates_are_probabilities() -> None:
    """Nobody has scaled labels where neither of two numbers is 0."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    looked = check(
        {"data": {"source": "arrays", "target_scale": "none"}, "training": {"loss": "bce"}},
        data=(x, np.where(x[:, :1] > 0, 0.4, 0.02)),
    )
    assert "D138" not in codes(looked)


@pytest.mark.parametrize(("yes", "is_fault"), [(1 / 255, True), (0.4, True), (0.9, False)])
def test_labels_that_were_scaled_are_no_probabilities(yes: float, is_fault: bool) -> None:
    """Even yes is nearer to no; smoothed labels are not."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = np.where(x[:, :1] > 0, yes, 0.0 if yes < 0.5 else 1 - yes)
    looked = check(
        {"data": {"source": "arrays", "target_scale": "none"}, "training": {"loss": "bce"}},
        data=(x, y),
    )
    assert (looked.findings[0].code == "D138") == is_fault
    assert ("D138" in codes(looked)) == is_fault
