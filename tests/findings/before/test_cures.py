"""The first remedy of a fault makes the network learn where it did not, over three seeds."""

from __future__ import annotations

import pytest

import descend
from tests.findings.before.faults import FAULTS
from tests.findings.before.test_rules import found

# The accuracy that is out of reach with the fault, and reached without it.
CURED = {"D104": 0.5, "D112": 0.8, "D152": 0.9, "D161": 0.8}
SHORT = {"training.measure_every": 0, "training.measure_first": 0}


@pytest.mark.parametrize("code", CURED)
def test_the_first_remedy_cures(code: str) -> None:
    limit = CURED[code]
    epochs = 1500 if code == "D152" else 15
    sick = FAULTS[code].recipe.edited({"training.epochs": epochs, **SHORT})
    cured = sick.edited(found(code).remedies[0].edits)
    for seed in range(3):
        metric = "train/accuracy"
        before = descend.train(sick, seed=seed, out=None).metrics[metric]
        after = descend.train(cured, seed=seed, out=None).metrics[metric]
        assert before < limit <= after
