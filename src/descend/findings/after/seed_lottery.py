"""D307: a recipe with which some seeds learn and others do not."""

from __future__ import annotations

from descend.findings.finding import Finding, edit
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D307", "note")
def seed_lottery(record: Record) -> Finding | None:
    """Some seeds learn, others do not come far.

    What it looks at: the share of the seeds whose loss at the end has come seven tenths of the way
    from that of a constant answer to that of the best seed.
    Why it matters: whether this recipe works is drawn with its first weights.
    Remedy: more units, another initialiser, another optimizer.
    Not a fault: seeds that all learn, some better than others. What is found in more than half of
    the seeds is a fault of the recipe and named as such; this is a note beside it.
    """
    share = known(record.learning_share)
    if not record.is_over or share in (0.0, 1.0):
        return None
    hidden = record.network.hidden
    return Finding(
        evidence=f"{share:.0%} of {record.seeds} seeds learn",
        numbers={"share": share},
        healthy="all",
        cause="the first weights decide",
        remedies=[edit("network.hidden", [max(8, 4 * width) for width in hidden])]
        if hidden
        else [],
    )
