"""D141: examples that no batch ever holds."""

from __future__ import annotations

from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D141", "warning")
def never_trained_on(record: Record) -> Finding | None:
    """The same last examples are left out in every epoch.

    What it looks at: `training.drop_last`, `training.shuffle`, and what is left over of the
    examples after the last full batch.
    Why it matters: these examples are paid for and never used; in data sorted by class they may be
    a whole class.
    Remedy: `training.shuffle = true`, or `training.drop_last = false`.
    Not a fault: a last batch that is dropped of an order that is drawn anew for each epoch.
    """
    training, examples = record.training, record.profile.examples["train"]
    if training.shuffle or not training.drop_last or not isinstance(training.batch_size, int):
        return None
    left = examples % training.batch_size
    if not left:
        return None
    return Finding(
        evidence=f"the last {left:,} of {examples:,} examples are in no batch",
        numbers={"left": float(left), "share": left / examples},
        healthy="every example in some batch",
        cause="the order is the same in each epoch, and what is over is dropped",
        remedies=[
            edit("training.shuffle", True, "others are dropped in each epoch"),
            edit("training.drop_last", False, "none is dropped"),
        ],
    )
