"""D234: steps along the gradient instead of against it."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, write
from descend.findings.measured import known, known_number
from descend.findings.record import Record
from descend.findings.rule import finding

SHARE = 0.9  # of the steps


@finding(
    "D234",
    "error",
    leads_to=("D202", "D203", "D204", "D205", "D208", "D210", "D212", "D215", "D236"),
)
def upward_steps(record: Record) -> Finding | Margin:
    """Each step raises the loss that was computed.

    What it looks at: the gradient of the loss that the criterion gave, and the steps that were
    taken, or the gradient that they were taken with.
    Why it matters: the training seeks the worst answers.
    Remedy: `loss.backward()` of the loss itself, not of its negative; a rate above 0;
    `maximize=False`.
    Not a fault: a reward that is to grow, computed by something else than a loss of errors; one
    side of an adversarial training, which goes up at some of the steps.
    """
    upwards = known_number(known(record.loop.upwards))
    if upwards < SHARE:
        return Margin("share of steps along the gradient", upwards, SHARE)
    return Finding(
        evidence=f"{upwards:.0%} of the steps went along the gradient of the loss",
        numbers={"upwards": upwards},
        healthy="steps against the gradient",
        cause="the sign of the loss, of its gradient or of the rate is the wrong way round",
        since=0,
        remedies=[write("loss.backward(), not (-loss).backward()", "goes down")],
    )
