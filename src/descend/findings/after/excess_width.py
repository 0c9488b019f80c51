"""D312: more units than examples can teach."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.trial import HELPS, NARROWER


@finding("D312", "warning", leads_to=("D301",))
def excess_width(record: Record) -> Finding | Margin:
    """The network has far more units than its examples can teach, and learns these by heart.

    What it looks at: where a network overfits, the same with a sixteenth of the units, trained as
    long: how much better it answers held-out examples.
    Why it matters: what many units can tell apart need not be so elsewhere.
    Remedy: fewer units; dropout, `l2` or more examples where they are to stay.
    Not a fault: a wide network that answers as well as a narrow one.
    Reference: Geman, Bienenstock & Doursat 1992, "Neural networks and the bias/variance dilemma".
    """
    trial = record.trial(NARROWER)
    if not trial.helps:
        return Margin("what fewer units bring", trial.gain, HELPS)
    return Finding(
        evidence=str(trial),
        numbers={"as_it_is": trial.as_it_is, "changed": trial.changed},
        healthy="a narrow network that is no better",
        cause="more units than the examples can teach",
        confidence=0.8,
        remedies=[Remedy(trial.edits, "fewer units")],
    )
