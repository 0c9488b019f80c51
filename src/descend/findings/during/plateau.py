"""D206: a loss that is no better than that of a constant answer."""

from __future__ import annotations

import math

from descend.findings.course import LEARNS, end_loss, is_stuck
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.standing import HALF, learnt

NEAR = 0.03  # of the loss of chance


@finding("D206", "error", leads_to=("D302", "D305"), is_symptom=True)
def plateau(record: Record) -> Finding | Margin | None:
    """The loss stays at that of an answer that ignores the inputs.

    What it looks at: the loss beside that of the best constant answer: the entropy of the labels
    (ln 2 for two classes of one size, ln k for k), or the variance of the targets, which is that of
    always answering their mean.
    Why it matters: nothing of what the inputs say has been learnt.
    Remedy: that of the cause, where one is named; otherwise other rates, another activation, a
    wider network.
    Not a fault: a high loss of a few answers that are wrong and very sure, where most are right;
    a plateau that will be left. Before a training is over, a fork at ten times the
    rate shows where it will stand after ten times the steps; where any faster fork learns, nothing
    is said until the end.
    """
    if record.status == "diverged":
        return None
    end, chance = end_loss(record), record.chance_loss
    if not is_stuck(record) or _answers_well(record):
        return Margin("loss beside chance", end / chance if chance else math.nan, LEARNS)
    lr = record.training.lr or 0.0
    is_near = abs(end - chance) < NEAR * chance
    return Finding(
        evidence=f"loss {end:.4g}; {_answer(record)} gives {chance:.4g}",
        numbers={"loss": end, "chance_loss": chance},
        healthy=f"below {LEARNS * chance:.4g}",
        cause="the outputs do not depend on the inputs"
        if is_near
        else "the outputs are worse than a constant",
        confidence=0.9,
        remedies=[
            edit("training.lr", lr * 10, "longer steps"),
            edit("training.lr", lr / 10, "shorter steps"),
            edit("network.hidden", [32, 32], "a wider network"),
        ],
    )


def _answers_well(record: Record) -> bool:
    """Whether most of what there is to know is known, whatever the loss is."""
    try:
        return record.is_over and learnt(record) > HALF
    except NotMeasured:
        return False


def _answer(record: Record) -> str:
    classes = record.profile.class_counts
    if classes is None:
        return "always the mean of the targets"
    k = int((classes > 0).sum())
    is_even = abs(record.chance_loss - math.log(max(k, 1))) < 0.01
    return f"the shares of the classes{f' (ln {k})' if is_even else ''}"
