"""D119: more or fewer outputs than there is to predict."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, edit
from descend.findings.heads import asked_outputs, counts_classes, needed_outputs
from descend.findings.measured import NotMeasured, known
from descend.findings.record import Record
from descend.findings.rule import finding

FIELD = "network.outputs"
MANY = 100  # forward passes, in which every label has come


@finding("D119", "warning", leads_to=("D100", "D106"))
def outputs_wrong(record: Record) -> Finding | None:
    """The last layer has more or fewer units than there are labels or numbers to predict.

    What it looks at: the width of the last layer, what the data need, and for classes the first
    loss, which is ln of the outputs where it should be ln of the labels. In a watched loop: the
    labels that the loss was given, where they count from 0 without a gap.
    Why it matters: too few cannot name every label; too many first have to learn which of them
    never occur, and often mean that a layer is missing behind the last one.
    Remedy: `network.outputs` as many as there are labels.
    Not a fault: two outputs for two classes under cross-entropy.
    """
    is_watched = record.known_loop is not None
    given, needed = _seen(record) if is_watched else (asked_outputs(record), needed_outputs(record))
    if given == needed:
        return None
    evidence = f"{given:,} outputs, {needed:,} needed"
    numbers = {"outputs": float(given), "needed": float(needed)}
    if not is_watched and counts_classes(record) and FIELD not in record.problems:
        numbers |= {"first_loss": record.first_loss, "chance_loss": math.log(needed)}
        evidence += (
            f"; first loss {record.first_loss:.4g}, ln {given} = {math.log(given):.4g}, "
            f"ln {needed} = {math.log(needed):.4g}"
        )
    return Finding(
        evidence=evidence,
        numbers=numbers,
        healthy="an output for each label",
        cause=f"{abs(given - needed):,} outputs that "
        + ("no label names" if given > needed else "labels need are missing"),
        severity="error" if given < needed or FIELD in record.problems else "warning",
        place=record.output.place,
        remedies=[edit(FIELD, needed, "an output for each label")],
        about=FIELD if FIELD in record.problems else None,
    )


def _seen(record: Record) -> tuple[int, int]:
    """The outputs of a watched network, and those that its labels need."""
    loop = record.loop
    outputs, labels, (least, most) = (
        known(loop.outputs),
        known(loop.labels),
        known(loop.label_range),
    )
    are_all = record.is_over or loop.passes >= MANY
    if (least, labels) != (0, most + 1) or labels < 2 or not are_all or outputs < labels:
        raise NotMeasured
    return outputs, labels
