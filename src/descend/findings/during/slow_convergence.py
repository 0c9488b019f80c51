"""D207: a loss that falls too slowly to arrive."""

from __future__ import annotations

from descend.findings.course import FEW_STEPS, end_loss, falls_by, keeps_up, learns, scale
from descend.findings.finding import Finding, Margin, edit
from descend.findings.record import Record
from descend.findings.rule import finding

HIGH = 0.5  # of the loss of chance
TIMES = 5.0  # the planned length


@finding("D207", "warning", leads_to=("D302",), is_symptom=True)
def slow_convergence(record: Record) -> Finding | Margin | None:
    """The loss falls all the time, but would need many times the steps.

    What it looks at: at the end of a training, how much the last fifth of it brought, and how many
    such fifths would halve the loss.
    Why it matters: more epochs alone would be a dear cure.
    Remedy: another optimizer, a higher rate, standard inputs, batch normalisation.
    Not a fault: a loss that is low, or no longer falls; a network that answers as well as nearest
    neighbours do.
    """
    if not record.is_over or record.status == "diverged" or record.planned_steps < FEW_STEPS:
        return None
    end, unit = end_loss(record), scale(record)
    brought = falls_by(record)
    if end < HIGH * unit or not learns(record) or brought < 0.002 * unit:
        return Margin("loss beside chance", end / unit, HIGH)
    times = 0.2 * 0.5 * end / brought
    if times < TIMES or keeps_up(record):
        return Margin("times the planned steps to halve the loss", times, TIMES)
    return Finding(
        evidence=f"loss {end:.4g} of {unit:.4g}, the last fifth brought {brought:.2g}: "
        f"{times:.0f} times the steps would halve it",
        numbers={"loss": end, "brought": brought, "times": times},
        healthy=f"a loss that halves within {TIMES:g} times the steps",
        cause="each step brings little",
        confidence=0.6,
        remedies=[
            edit("training.optimizer", "adam"),
            edit("training.lr", (record.training.lr or 0) * 10, "longer steps"),
            edit("network.batch_norm", "before"),
        ],
    )
