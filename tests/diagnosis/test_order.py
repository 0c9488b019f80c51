"""Order: causes before what follows from them, symptoms below any cause, and as grave."""

from __future__ import annotations

from dataclasses import replace

from descend.diagnosis.examination import in_order
from descend.findings.finding import Finding, Severity


def named(code: str, severity: Severity) -> Finding:
    return Finding(evidence="", cause="", code=code, name=code, severity=severity)


def test_a_symptom_stands_below_any_fault_that_is_none() -> None:
    [cause] = in_order([named("D204", "error"), named("D206", "error")])
    assert cause.code == "D204"
    assert [one.code for one in cause.consequences] == ["D206"]


def test_a_note_explains_no_symptom() -> None:
    assert len(in_order([named("D213", "note"), named("D206", "error")])) == 2


def test_a_symptom_alone_is_the_verdict() -> None:
    [only] = in_order([named("D206", "error")])
    assert only.code == "D206"


def test_a_cause_is_as_grave_as_what_follows_from_it() -> None:
    [cause] = in_order([named("D304", "warning"), named("D206", "error")])
    assert cause.code == "D304"
    assert cause.severity == "error"


def test_what_is_certain_explains_before_what_is_forecast() -> None:
    """A softmax of one unit has no gradient, whatever the first weights are."""
    first, second = in_order(
        [named("D102", "warning"), named("D112", "error"), named("D211", "error")]
    )
    assert (first.code, second.code) == ("D112", "D102")
    assert [one.code for one in first.consequences] == ["D211"]
    assert second.severity == "warning"


def test_of_two_forecasts_the_one_that_has_come_true_explains() -> None:
    """The first loss is far off, which its remedy does not change, and dropout is too much."""
    doubtful = replace(named("D106", "warning"), confidence=0.36)
    [cause] = in_order([doubtful, named("D153", "warning"), named("D206", "error")])
    assert cause.code == "D153"
    assert {one.code for one in cause.consequences} == {"D106", "D206"}
