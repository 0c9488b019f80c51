"""D235: an optimizer that forgets everything at each step."""

from __future__ import annotations

from descend.findings.course import end_loss, scale
from descend.findings.finding import Finding, Margin, write
from descend.findings.measured import NotMeasured, known
from descend.findings.record import Record
from descend.findings.rule import finding

SHARE = 0.9  # of the steps
HIGH = 0.5  # of the loss of chance


@finding("D235", "warning", leads_to=("D207", "D209", "D210"))
def optimizer_renewed(record: Record) -> Finding | Margin | None:
    """The optimizer is made anew for each step, and its averages begin again at nothing.

    What it looks at: whether the optimizer that takes a step was there at the step before.
    Why it matters: momentum never builds up, and Adam, whose averages are of one gradient, takes a
    step of the full rate in each direction whatever the gradient's size.
    Remedy: one optimizer, made before the loop.
    Not a fault: an optimizer for each epoch or phase. Plain gradient descent remembers nothing,
    and signs alone may be enough: a note, unless the training has ended with a high loss.
    """
    renewed = known(record.loop.renewed)
    if renewed < SHARE:
        return Margin("share of steps by a new optimizer", renewed, SHARE)
    name = _optimizer(record)
    return Finding(
        evidence=f"{renewed:.0%} of the steps were taken by an optimizer that was made after the "
        "step before",
        numbers={"renewed": renewed},
        healthy="one optimizer for all steps",
        cause=f"{name or 'the optimizer'} is made inside the loop",
        severity=None if _costs(record, name) else "note",
        since=1,
        remedies=[write("optimizer = … before the loop, not inside it")],
    )


def _optimizer(record: Record) -> str:
    try:
        return str(record.training.optimizer)
    except NotMeasured:
        return ""


def _costs(record: Record, name: str) -> bool:
    """Whether there was something to remember, and the training came to nothing without it."""
    try:
        if name == "sgd" and not record.training.momentum:
            return False
        return record.is_over and end_loss(record) > HIGH * scale(record)
    except NotMeasured:
        return False
