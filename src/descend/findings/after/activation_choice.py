"""D314: an activation that another one beats."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.trial import HELPS, RELU


@finding("D314", "warning", leads_to=("D206", "D207", "D302"))
def activation_choice(record: Record) -> Finding | Margin:
    """Another activation learns what this one does not.

    What it looks at: where a network is poor and nothing else explains it, the same with ReLU and
    He weights, trained as long.
    Why it matters: an activation with flat ends, or without a bend, passes little on.
    Remedy: `network.activation = "relu"` with `init = "he_normal"`.
    Not a fault: an activation that comes as far as ReLU.
    Reference: Glorot, Bordes & Bengio 2011, "Deep sparse rectifier neural networks".
    """
    trial = record.trial(RELU)
    if not trial.helps:
        return Margin("what ReLU brings", trial.gain, HELPS)
    return Finding(
        evidence=str(trial),
        numbers={"as_it_is": trial.as_it_is, "changed": trial.changed},
        healthy="an activation that comes as far as ReLU",
        cause="what it passes on does not suffice",
        confidence=0.8,
        remedies=[Remedy(trial.edits, "slope 1 on one half")],
    )
