"""D165: a loss that grows with the batch."""

from __future__ import annotations

import math

from descend.findings.before.first_step_too_long import DESCENT, most_worse
from descend.findings.before.penalty_too_strong import batch_of
from descend.findings.finding import Finding, Severity, edit
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding


@finding(
    "D165",
    "note",
    leads_to=("D154", "D160", "D202", "D203", "D208", "D210", "D212"),
    is_forecast=True,
)
def summed_loss(record: Record) -> Finding | None:
    """A batch's loss is the sum over its examples, and the rate goes with the batch size.

    What it looks at: `training.reduction`, the batch size, and the loss of the first batch before
    and after one step.
    Why it matters: twice the batch is twice the gradient: rate, penalties and clipping mean
    something else for each batch size, and the last, smaller batch counts less.
    Remedy: `training.reduction = "mean"`, with the same rate or one that is batch size times as
    large.
    Not a fault: sums with a rate that is made for them, or under Adam, which divides by the
    gradient's size: a note. Where the first step leads far upwards it is an error.
    """
    training = record.training
    if training.reduction != "sum" or (batch := batch_of(record)) == 1:
        return None
    evidence, numbers, is_up = f"sums over batches of {batch:.0f}", {"batch": batch}, False
    if record.known_loop is None:
        first, second = record.first_loss, known(record.second_loss)
        is_up = not math.isfinite(second) or second > most_worse(record) * first
        evidence += f"; loss {first:.4g} before the first step and {second:.4g} after it"
        numbers |= {"first_loss": first, "second_loss": second}
    severity: Severity = "error" if is_up and training.optimizer in DESCENT else "note"
    return Finding(
        evidence=evidence,
        numbers=numbers,
        healthy="the mean over a batch",
        cause=f"the gradient is {batch:.0f} times that of the mean",
        severity=severity,
        remedies=[edit("training.reduction", "mean", "the same rate for every batch size")],
    )
