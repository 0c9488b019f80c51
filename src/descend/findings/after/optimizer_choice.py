"""D313: an optimizer that another one beats."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.trial import ADAM, HELPS


@finding("D313", "warning", leads_to=("D206", "D207", "D302"))
def optimizer_choice(record: Record) -> Finding | Margin:
    """Another optimizer learns what this one does not.

    What it looks at: where a network is poor and nothing else explains it, the same under Adam with
    its usual rate, trained as long.
    Why it matters: one rate for all weights is too long for some and too short for others.
    Remedy: `training.optimizer = "adam"`.
    Not a fault: an optimizer that comes as far as Adam.
    Reference: Kingma & Ba 2015.
    """
    trial = record.trial(ADAM)
    if not trial.helps:
        return Margin("what Adam brings", trial.gain, HELPS)
    return Finding(
        evidence=str(trial),
        numbers={"as_it_is": trial.as_it_is, "changed": trial.changed},
        healthy="an optimizer that comes as far as Adam",
        cause="its steps do not suit this network",
        confidence=0.8,
        remedies=[Remedy(trial.edits, "steps of one length for each weight")],
    )
