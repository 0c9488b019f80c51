"""What is tried beside a network that is poor, or that was forecast to be, and what comes of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from descend.diagnosis.diagnosing import diagnose
from descend.diagnosis.examination import Examination, examine
from descend.diagnosis.hypotheses import hypotheses
from descend.findings.finding import Finding, Severity
from descend.findings.record import Record
from descend.findings.rule import rules
from descend.findings.trial import (
    ADAM,
    LARGER_BATCHES,
    NARROWER,
    RELU,
    SHALLOWER,
    WIDER,
    Trial,
)
from descend.intake import complete_with_examples
from descend.recipe import Recipe
from tests.findings.scenes import HEALTHY, codes, found

OF_TRIALS = {"D312": NARROWER, "D313": ADAM, "D314": RELU, "D315": WIDER, "D316": SHALLOWER}


def completed(**edits: Any) -> Recipe:
    return complete_with_examples(Recipe.of(HEALTHY).edited(edits))[0]


def with_findings(*named: tuple[str, Severity]) -> Examination:
    findings = [Finding("", "", code=code, severity=severity) for code, severity in named]
    return Examination(findings, [], [], {}, 3)


@pytest.mark.parametrize(("code", "change"), OF_TRIALS.items())
def test_a_change_is_a_cause_where_it_helps_and_silent_where_it_does_not(
    code: str, change: str
) -> None:
    [rule] = [rule for rule in rules() if rule.code == code]
    edits = {"training.optimizer": "adam"}
    helps, not_at_all = Trial(edits, 0.3, 0.9), Trial(edits, 0.3, 0.35)
    [finding], _ = rule.findings(Record(trials={change: helps}))
    assert dict(finding.remedies[0].edits) == edits
    assert "0.30" in finding.evidence
    assert "0.90" in finding.evidence
    findings, margin = rule.findings(Record(trials={change: not_at_all}))
    assert not findings
    assert margin is not None
    assert margin.value < margin.limit
    assert code in examine([Record()], [rule]).silent


def test_other_ways_are_tried_where_only_symptoms_are_known() -> None:
    edits = {"network.activation": "sigmoid", "training.optimizer": "sgd"}
    recipe = completed(**edits)
    tried = hypotheses(recipe, with_findings(("D206", "error"), ("D302", "warning")))
    assert set(tried) == {ADAM, RELU, WIDER}
    for name in tried:
        assert recipe.edited(tried[name]) != recipe
    assert not hypotheses(recipe, with_findings(("D209", "warning"), ("D206", "error")))
    assert not hypotheses(recipe, with_findings(("D206", "note")))
    assert not hypotheses(recipe, with_findings())


def test_what_is_there_already_is_no_change() -> None:
    recipe = completed(**{"training.optimizer": "adam", "network.activation": "relu"})
    assert set(hypotheses(recipe, with_findings(("D302", "warning")))) == {WIDER}
    linear = completed(**{"network.hidden": []})
    assert RELU not in hypotheses(linear, with_findings(("D302", "warning")))


def test_fewer_units_are_tried_for_what_overfits_and_larger_batches_for_what_is_noisy() -> None:
    recipe = completed(**{"training.batch_size": 2, "training.epochs": 8})
    assert hypotheses(recipe, with_findings(("D301", "warning"), ("D302", "warning")))[
        NARROWER
    ] == {"network.hidden": [2, 2]}
    tried = hypotheses(recipe, with_findings(("D213", "note")))[LARGER_BATCHES]
    assert tried == {"training.batch_size": 32, "training.epochs": 128}  # as many steps


@pytest.mark.parametrize(
    ("edits", "is_tried"),
    [
        ({"network.hidden": [16] * 12}, True),
        ({"network.hidden": [16] * 11}, False),
        ({"network.hidden": [16] * 12, "network.batch_norm": "before"}, False),
    ],
)
def test_fewer_layers_are_tried_of_a_long_plain_chain(
    edits: dict[str, Any], is_tried: bool
) -> None:
    """Even of one in which nothing was found; not where a cause is known."""
    recipe = completed(**edits)
    tried = hypotheses(recipe, with_findings())
    assert tried == ({SHALLOWER: {"network.hidden": [16] * 3}} if is_tried else {})
    assert SHALLOWER not in hypotheses(recipe, with_findings(("D208", "error")))


def test_fewer_layers_of_a_table_keep_what_each_says() -> None:
    layers = [{"units": 5 + n, "activation": "tanh"} for n in range(14)]
    recipe = completed(**{"network.hidden": None, "network.layers": layers})
    edited = recipe.edited(hypotheses(recipe, with_findings())[SHALLOWER])
    assert edited.network.layers == (recipe.network.layers or [])[:3]


def test_a_network_that_is_too_narrow_is_named_by_what_a_wider_one_learns() -> None:
    edits = {"network.hidden": [2], "network.activation": "tanh", "training.epochs": 250}
    diagnosis = diagnose(HEALTHY, edits=edits)
    finding = found(diagnosis, "D315")
    assert finding.numbers["changed"] > finding.numbers["as_it_is"] + 0.1
    assert diagnosis.findings[0].code == "D315"
    assert "D302" in {one.code for one in diagnosis.findings[0].consequences}


def test_a_forecast_with_a_remedy_that_helps_has_come_true() -> None:
    """Dropout of nine tenths lets circles be learnt in the end, and without it better."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 6)).astype(np.float32)
    y = (np.sin(x[:, 0]) + x[:, 1] * x[:, 2])[:, None]
    recipe = {
        "data": {"validation": 0, "test": 0.3},
        "network": {"hidden": [64], "dropout": 0.9},
        "training": {"epochs": 150},
    }
    diagnosis = diagnose(recipe, data=(x, y))
    finding = found(diagnosis, "D153")
    assert finding.severity != "note"
    without = {**recipe, "network": {"hidden": [64]}}
    assert "D153" not in codes(diagnose(without, data=(x, y)))


def test_what_a_trial_does_not_help_is_a_note_where_the_network_does_well() -> None:
    """The same record, but for what became of the remedy."""
    edits = {"network.init": {"name": "normal", "std": 2.0}, "data.noise": 0.15}
    diagnosis = diagnose(HEALTHY, edits=edits)
    for gain, severity in ((0.0, "note"), (0.3, "error")):
        trial = Trial({}, 0.6, 0.6 + gain)
        records = [replace(record, trials={"D101": trial}) for record in diagnosis.records]
        [finding] = [one for one in examine(records).findings if one.code == "D101"]
        assert finding.severity == severity


def test_what_comes_no_further_than_chance_helps_nothing() -> None:
    """An r² of -1.2 that becomes 0.02 is still that of a constant answer."""
    assert not Trial({}, -1.2, 0.02).helps
    assert Trial({}, -1.2, 0.2).helps
    assert not Trial({}, -np.inf, -0.5).helps


def test_a_linear_model_is_told_by_what_a_hidden_layer_learns() -> None:
    """Whether ten numbers are far from 0: the few neighbours of ten dimensions do not show it."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(2000, 10)).astype(np.float32)
    y = ((x**2).sum(axis=1) > 9.34).astype(np.int64)
    recipe = {"network": {"hidden": []}, "training": {"lr": 0.01, "epochs": 20, "batch_size": 32}}
    finding = found(diagnose(recipe, data=(x, y)), "D152")
    assert finding.numbers["changed"] - finding.numbers["as_it_is"] > 0.3


def test_a_gain_that_few_examples_may_show_by_chance_is_none() -> None:
    """Of 150 examples 77 % right and 82 %: the standard error of each is 3 %, 0.06 of the way."""
    assert not Trial({}, 0.54, 0.65, error=0.06).helps
    assert Trial({}, 0.54, 0.65, error=0.01).helps
