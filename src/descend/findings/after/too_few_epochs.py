"""D303: a training that ends while it learns."""

from __future__ import annotations

import math

from descend.findings.before.too_few_steps import AIM
from descend.findings.course import (
    FEW_STEPS,
    LEARNS,
    end_loss,
    falls_by,
    keeps_up,
    path_length,
    scale,
    start_loss,
)
from descend.findings.finding import Finding, Margin, Severity, edit, write
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

HIGH = 0.5  # of the loss of chance
FAR = 0.8  # of the loss of chance
BROUGHT = 0.03  # of the loss of chance, in the last fifth
TIMES = 5.0  # the planned length
MOVED = 0.01


@finding("D303", "warning", leads_to=("D206", "D302"))
def too_few_epochs(record: Record) -> Finding | Margin | None:
    """The training ends while its loss still falls at a rate that matters.

    What it looks at: what the last fifth of the training brought, beside the loss of a constant
    answer; how many steps there are at all.
    Why it matters: the rest was there for the taking.
    Remedy: more epochs.
    Not a fault: a loss that still falls, but is low; or so slowly that epochs are no cure; a
    network that answers as well as nearest neighbours do. Of a watched loop, whose held-out
    examples nobody knows, it is a note unless the loss has hardly come away from chance.
    """
    if not record.is_over or record.status != "finished":
        return None
    end, unit, steps = end_loss(record), scale(record), record.planned_steps
    if end < HIGH * unit or not math.isfinite(end):
        return Margin("loss beside chance", end / unit, HIGH)
    if steps < FEW_STEPS and record.known_loop is not None:
        return None
    if steps < FEW_STEPS:
        moved = max(path_length(record, layer.number) for layer in record.layers)
        if moved < MOVED:
            return None
        times = max(10.0, AIM / steps)
        return _finding(record, f"{steps:,} steps; loss {end:.4g} of {unit:.4g}", times, 0.8)
    brought = falls_by(record)
    if end > LEARNS * max(unit, start_loss(record)) or brought < BROUGHT * unit:
        return Margin("what the last fifth brought, beside chance", brought / unit, BROUGHT)
    times = 0.2 * 0.5 * end / brought
    if times > TIMES or keeps_up(record):
        return None
    return _finding(
        record,
        f"loss {end:.4g}, of which the last fifth brought {brought:.3g}; {max(times, 0.2):.1f} "
        "times the steps would halve it",
        max(3.0, math.ceil(3 * times)),
        0.85,
        "note" if record.known_loop is not None and end < FAR * unit else None,
    )


def _finding(
    record: Record,
    evidence: str,
    times: float,
    confidence: float,
    severity: Severity | None = None,
) -> Finding:
    try:
        given = record.training.epochs or 1
        remedy = edit("training.epochs", round(given * times), "more epochs")
        trained = f"{given:,} epochs"
    except NotMeasured:  # of a watched loop nobody knows them
        remedy = write(f"{times:.0f} times as many epochs")
        trained = f"{record.planned_steps:,} steps"
    return Finding(
        evidence=evidence,
        numbers={"steps": record.planned_steps, "loss": end_loss(record)},
        healthy=f"less than {BROUGHT:.0%} of chance in the last fifth",
        cause=f"{trained} are too few",
        confidence=confidence,
        severity=severity,
        remedies=[remedy],
    )
