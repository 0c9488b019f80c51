"""What is forecast before a step is believed where it comes true, and a note where it does not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from descend.diagnosis.checking import check
from descend.diagnosis.diagnosing import FEW, FEWEST, MOST, diagnose, first_look
from descend.diagnosis.examination import examine
from descend.diagnosis.forks import affordable, changes_of
from descend.findings.finding import Finding
from descend.findings.rule import rules
from descend.findings.standing import does_well
from descend.intake import complete_with_examples
from descend.recipe import Recipe
from tests.findings.scenes import HEALTHY

LARGE = {"network.init": {"name": "normal", "std": 2.0}}


def severities(diagnosis: object) -> dict[str, str]:
    return {one.code: one.severity for one in diagnosis.findings}  # type: ignore[attr-defined]


def test_a_forecast_that_does_not_come_true_is_a_note() -> None:
    """Weights of three times the size are an error before a step, and learn all the same."""
    assert severities(check(HEALTHY, edits=LARGE))["D101"] == "error"
    diagnosis = diagnose(HEALTHY, edits=LARGE)
    assert severities(diagnosis)["D101"] == "note"
    assert diagnosis.is_healthy
    assert diagnosis.share == 1.0
    assert "learns nevertheless" in diagnosis.findings[0].evidence


@pytest.mark.parametrize("comes", [True, False])
def test_a_forecast_is_no_note_where_what_it_leads_to_has_come(comes: bool) -> None:
    """However well the networks answer, an error that was observed has its cause in front."""
    records = diagnose(HEALTHY, edits=LARGE).records
    forecast = next(rule for rule in rules() if rule.code == "D101")
    sign = Finding(evidence="seen", numbers={}, healthy="unseen", cause="told so")
    observed = next(rule for rule in rules() if rule.code == "D202")
    examination = examine(
        records,
        [forecast, replace(observed, severity="error", look=lambda _: sign if comes else None)],
    )
    [root] = examination.findings
    assert (root.code, root.severity) == ("D101", "error" if comes else "note")
    assert ("learns nevertheless" in root.evidence) is not comes


def test_a_forecast_that_comes_true_stays_what_it_was() -> None:
    """The same weights at a rate that moves nothing: it is settled at the first look."""
    diagnosis = diagnose(HEALTHY, edits={**LARGE, "training.lr": 1e-6})
    assert severities(diagnosis)["D101"] == "error"
    assert diagnosis.share <= 0.11


def test_what_is_wrong_for_certain_is_no_forecast() -> None:
    """Squashed twice, circles are told apart, and the loss is at its floor: no note."""
    edits = {"network.output": "sigmoid", "training.loss_on": "logits"}
    diagnosis = diagnose(HEALTHY, edits=edits)
    assert severities(diagnosis)["D110"] == "error"


@pytest.mark.parametrize(("learns", "baselines"), [(True, True), (True, False), (False, True)])
def test_a_network_does_well_beside_what_simple_models_reach(learns: bool, baselines: bool) -> None:
    """Noisy circles have a ceiling that only a simple model can tell."""
    edits = {"data.noise": 0.25, "training.epochs": 60 if learns else 1}
    if not learns:
        edits["training.lr"] = 1e-6
    [record] = diagnose(HEALTHY, edits=edits, seeds=1, share=1.0).records
    if not baselines:
        record = replace(record, baselines={})
    assert does_well(record) == (learns and baselines)


def test_a_first_look_is_a_tenth_but_neither_short_nor_long() -> None:
    assert first_look(10_000) == 1000
    assert first_look(100) == FEWEST
    assert first_look(20) == 20
    assert first_look(1_000_000) == MOST
    assert first_look(1_000_000, share=0.5) == 500_000
    assert first_look(10_000, step_seconds=0.02) == 400
    assert first_look(10_000, step_seconds=10.0) == FEW
    assert first_look(10_000, share=0.1, step_seconds=10.0) == 1000


def test_large_networks_have_fewer_forks() -> None:
    """One seed, then two rates, where more would take longer than a look is worth."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(4000, 20)).astype(np.float32), rng.integers(0, 2, 4000)
    runs, counts = [], []
    for width in (8, 350, 2000):
        recipe = Recipe.of(
            {"data": {"source": "arrays"}, "network": {"hidden": [width, width]}}
        ).edited({"training.batch_size": 100, "training.steps": 2000})
        completed, examples = complete_with_examples(recipe, (x, y), None)
        changes, seeds = affordable(changes_of(completed), [completed] * 3, examples, 1000)
        runs.append(seeds)
        counts.append(len(changes))
    assert runs == [3, 1, 1]
    assert counts == [6, 6, 2]


def test_a_network_that_learns_is_not_forked() -> None:
    """Other rates are tried where this one does not do, and where there is some loss left."""
    assert not any(record.forks for record in diagnose(HEALTHY).records)
    edits = {"training.optimizer": "sgd", "training.lr": 1e-5}
    assert all(record.forks for record in diagnose(HEALTHY, edits=edits).records)
