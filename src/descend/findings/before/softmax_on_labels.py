"""D114: a softmax for labels of which several may hold."""

from __future__ import annotations

from descend.findings.finding import Finding
from descend.findings.heads import asked_outputs, usual_head
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D114", "error", leads_to=("D110", "D118", "D206"))
def softmax_on_labels(record: Record) -> Finding | None:
    """The outputs share out 1 among them, and an example may carry several labels or none.

    What it looks at: the last activation and the task.
    Why it matters: two labels at once get half each at best, and an example without any cannot be
    told.
    Remedy: `network.output = "identity"` with `training.loss = "bce"`.
    Not a fault: labels of which every example has exactly one: these are classes.
    """
    output = record.output
    is_shared = output.activation in ("softmax", "log_softmax")
    if record.profile.task != "multilabel" or not is_shared or asked_outputs(record) == 1:
        return None
    return Finding(
        evidence=f"{output.activation} over {output.fan_out} labels",
        healthy="one sigmoid for each label, by itself or in the loss",
        cause=f"{output.activation} makes labels compete that may hold together",
        place=output.place,
        remedies=[usual_head(record.profile)],
    )
