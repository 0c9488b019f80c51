"""D112: a softmax that has nothing to choose from."""

from __future__ import annotations

from descend.findings.finding import Finding
from descend.findings.heads import asked_outputs, usual_head
from descend.findings.record import Record
from descend.findings.rule import finding


@finding(
    "D112",
    "error",
    leads_to=("D106", "D110", "D113", "D115", "D116", "D118", "D201", "D206", "D211"),
)
def softmax_on_one_unit(record: Record) -> Finding | None:
    """The output is a softmax over a single unit, which is 1 whatever comes in.

    What it looks at: the last activation and the number of outputs.
    Why it matters: a softmax shares out 1 among its units. A single unit gets all of it, always,
    and its gradient is exactly 0: nothing is ever learnt.
    Remedy: a logit with binary cross-entropy for two classes, the identity for a number.
    Not a fault: a softmax over two units for two classes.
    """
    output = record.output
    if output.activation not in ("softmax", "log_softmax") or asked_outputs(record) != 1:
        return None
    return Finding(
        evidence=f"{output.activation} over 1 unit",
        healthy="a softmax over two units or more",
        cause=f"{output.activation} over one unit is {1 if output.activation == 'softmax' else 0} "
        "for every input, and its gradient is 0",
        place=output.place,
        remedies=[usual_head(record.profile)],
    )
