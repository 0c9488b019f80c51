"""D302: a network that simple models beat."""

from __future__ import annotations

from descend.findings.course import FEW_STEPS
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.standing import CALLED, metric_of, scores_of, shortfall


@finding("D302", "warning", is_symptom=True)
def underfitting(record: Record) -> Finding | Margin | None:
    """Nearest neighbours or a linear model answer the same examples much better.

    What it looks at: accuracy (or r²) on held-out examples and on training examples, beside what
    five nearest neighbours and a linear model reach on the held-out ones.
    Why it matters: there is more to be learnt than this network has.
    Remedy: more units or layers, more epochs, another rate, less regularisation.
    Not a fault: a low score that nothing else beats; a network that knows its training examples
    well and others badly, which is overfitting.
    """
    if not record.is_over or record.planned_steps < FEW_STEPS:
        return None
    name = metric_of(record)
    split = "validation" if f"validation/{name}" in record.metrics else "test"
    own, known = record.metric(f"{split}/{name}"), record.metric(f"train/{name}")
    if not (scores := scores_of(record)):
        raise NotMeasured
    model = max(scores, key=lambda one: scores[one])
    best = scores[model]
    short, limit = shortfall(record)
    if short < limit:
        return Margin("what a simple model is better by", short, limit)
    return Finding(
        evidence=f"{split} {name} {own:.3g}, training {known:.3g}; {CALLED[model]}: {best:.3g}",
        numbers={"own": own, "train": known, "baseline": best},
        healthy="at least what a simple model reaches",
        cause="the network has not learnt what there is to learn",
        confidence=0.9,
        remedies=[
            edit("network.hidden", [64, 64], "more units"),
            edit("training.epochs", 3 * (record.training.epochs or 1), "more epochs"),
            edit("training.optimizer", "adam"),
        ],
    )
