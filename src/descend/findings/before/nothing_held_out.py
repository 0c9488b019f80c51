"""D142: no examples to judge by."""

from __future__ import annotations

from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding

FEW = 33  # examples: fewer are a truth table, not a sample


@finding("D142", "note")
def nothing_held_out(record: Record) -> Finding | None:
    """All examples are trained on, and none is left to judge by.

    What it looks at: which splits there are.
    Why it matters: what a network scores on the examples that it has learnt says nothing of others.
    Remedy: `data.test = 0.2`.
    Not a fault: a handful of examples that are all there is, such as a truth table.
    """
    examples = record.profile.examples
    if len(examples) > 1 or examples["train"] < FEW:
        return None
    return Finding(
        evidence=f"all {examples['train']:,} examples are trained on",
        healthy="a validation or test split",
        cause="neither `data.validation` nor `data.test` leaves examples out",
        remedies=[edit("data.test", 0.2, "a fifth to judge by")],
    )
