"""D212: a loss that ends above its beginning."""

from __future__ import annotations

import math

from descend.findings.course import FEW_STEPS, end_loss, scale, start_loss
from descend.findings.finding import Finding, Margin, edit
from descend.findings.record import Record
from descend.findings.rule import finding

RISEN = 1.2  # times the first loss and that of chance


@finding("D212", "error", leads_to=("D206", "D302"), is_symptom=True)
def loss_rising(record: Record) -> Finding | Margin | None:
    """The training loss has risen above where it began.

    What it looks at: the loss at the end of what was trained beside the first one, and beside that
    of a constant answer.
    Why it matters: the steps lead away from the examples' answers.
    Remedy: a smaller rate. In other loops: the sign of the gradient.
    Not a fault: a first loss that was better than chance by luck; noise of small batches.
    """
    if record.status == "diverged":
        return None
    if record.planned_steps < FEW_STEPS:
        return None
    risen = end_loss(record) / max(start_loss(record), scale(record))
    if not math.isfinite(risen):  # which is another fault
        return None
    if risen < RISEN:
        return Margin("loss beside the first one", risen, RISEN)
    return Finding(
        evidence=f"loss {start_loss(record):.4g} at first, {end_loss(record):.4g} now",
        numbers={"risen": risen},
        healthy=f"below {RISEN:g} times the first",
        cause="the steps lead upwards",
        since=0,
        confidence=0.9,
        remedies=[edit("training.lr", (record.training.lr or 0) / 10, "shorter steps")],
    )
