"""D226: parameters that ask for no gradient."""

from __future__ import annotations

from descend.findings.finding import Finding, write
from descend.findings.modules import place_of, told
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D226", "note")
def frozen_layers(record: Record) -> Finding | None:
    """Parameters ask for no gradient and stay as they are.

    What it looks at: `requires_grad` of every parameter.
    Why it matters: what is frozen does not learn.
    Remedy: `requires_grad_(True)`, before the optimizer is made.
    Not a fault: fine-tuning on top of layers that have learnt before; hence a note.
    """
    frozen = list(record.loop.frozen)
    if not frozen:
        return None
    return Finding(
        evidence=f"{len(frozen):,} parameters ask for no gradient: {told(frozen)}",
        numbers={"frozen": float(len(frozen))},
        healthy="none, or those that have learnt before",
        cause="requires_grad was set to False",
        place=place_of(record, frozen),
        since=0,
        remedies=[write("requires_grad_(True) of these layers", "if they are to learn")],
    )
