"""D315: a network that a wider one beats."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.trial import HELPS, WIDER


@finding("D315", "warning", leads_to=("D206", "D207", "D302"))
def too_narrow(record: Record) -> Finding | Margin:
    """A wider network learns what this one does not.

    What it looks at: where a network is poor and nothing else explains it, the same with four times
    the units, trained as long.
    Why it matters: a few units can bend the line in a few places only, and some of them die or
    double each other.
    Remedy: more units.
    Not a fault: a narrow network that comes as far as a wide one.
    """
    trial = record.trial(WIDER)
    if not trial.helps:
        return Margin("what more units bring", trial.gain, HELPS)
    return Finding(
        evidence=str(trial),
        numbers={"as_it_is": trial.as_it_is, "changed": trial.changed},
        healthy="a network that comes as far as a wider one",
        cause="too few units",
        place=min(record.hidden, key=lambda layer: layer.fan_out).place if record.hidden else None,
        confidence=0.8,
        remedies=[Remedy(trial.edits, "more units")],
    )
