"""D118: a loss that is made for another task."""

from __future__ import annotations

from descend.findings.finding import Finding, Severity
from descend.findings.heads import OF_CLASSES, lost_loss, usual_head
from descend.findings.record import Record
from descend.findings.rule import finding


@finding(
    "D118", "error", leads_to=("D100", "D138", "D203", "D206", "D207", "D212"), is_forecast=True
)
def loss_task_mismatch(record: Record) -> Finding | None:
    """The loss measures something else than what the task asks for.

    What it looks at: the loss, the task, the last activation and the targets.
    Why it matters: cross-entropy has no meaning for quantities; distances between class numbers
    or to 0 and 1 pass little gradient to answers that are wrong and sure. The best constant for
    absolute errors is the median: of many classes it is "none". A Poisson loss of negative targets
    has no lower end.
    Remedy: binary cross-entropy for two classes and for labels, cross-entropy for several classes,
    squared error for quantities.
    Not a fault: squared error on a sigmoid or softmax is a proper score that learns slower, and is
    a note.
    """
    profile, loss = record.profile, lost_loss(record)
    severity: Severity = "error"
    if loss is not None:
        cause = f"{loss} is no loss for {profile.task}"
    elif record.training.loss == "poisson" and _is_negative(record):
        loss, cause = "poisson", "a Poisson loss of negative targets has no lower end"
    elif profile.task in OF_CLASSES and record.training.loss in ("mse", "l1", "huber"):
        loss = record.training.loss
        is_squashed = record.output.activation in ("sigmoid", "softmax")
        severity = "note" if is_squashed and loss != "l1" else "warning"
        cause = f"{loss} measures distances, and classes have none"
    else:
        return None
    return Finding(
        about="training.loss" if "training.loss" in record.problems else None,
        evidence=f"loss {loss} for the task {profile.task}",
        healthy="a loss of the task",
        cause=cause,
        severity=severity,
        place=record.output.place if record.layers else None,
        remedies=[usual_head(profile)],
    )


def _is_negative(record: Record) -> bool:
    targets = record.profile.targets
    return targets is not None and bool((targets.least < 0).any())
