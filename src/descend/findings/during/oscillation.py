"""D210: a loss that swings."""

from __future__ import annotations

import numpy as np

from descend.findings.course import EPOCHS, course, scale
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Numbers, Record
from descend.findings.rule import finding
from descend.findings.standing import does_well
from descend.findings.unforked import blocks, is_watched

SWING = 0.1  # of the loss of chance: half the way between a peak and a valley
TURNS = 0.5  # the share of points at which the loss turns
TIMES = 3.0  # standard errors
OF_LEVEL = 0.3  # of the loss itself


@finding("D210", "warning", leads_to=("D206", "D302"))
def oscillation(record: Record) -> Finding | Margin | None:
    """The training loss swings up and down from epoch to epoch and comes to no rest.

    What it looks at: the second half of the loss by epoch: by how much it swings around its
    course, and at how many points it turns. In a watched loop, whose epochs nobody knows: means of
    some steps each, beside what the noise of single batches makes of them.
    Why it matters: where such a training ends is chance.
    Remedy: a smaller rate, larger batches, a rate that decays, less momentum.
    Not a fault: swings around a loss that is low, or a few spikes that are made good again; those
    of dropout and small batches, where the network knows in the end what there is to know.
    """
    if record.status == "diverged":
        return None
    losses, noise = _course(record)
    half = losses[len(losses) // 2 :]
    step = np.diff(half)
    turns = float(np.mean(np.sign(step[1:]) != np.sign(step[:-1])))
    swing = float(np.median(np.abs(step))) / 2
    relative = swing / scale(record)
    is_small = swing < OF_LEVEL * float(np.median(half)) / 2 or swing < TIMES * noise
    if relative < SWING or turns < TURNS or is_small or does_well(record):
        return Margin("swing of the loss beside chance", relative, SWING)
    return Finding(
        evidence=f"the loss swings by ±{swing:.3g} around {np.median(half):.3g}",
        numbers={"swing": swing, "turns": turns},
        healthy=f"below {SWING:g} of chance",
        cause="the steps throw the weights from one side of a valley to the other",
        confidence=0.8,
        remedies=[
            edit("training.lr", (record.training.lr or 0) / 10, "shorter steps"),
            edit("training.lr", (record.training.lr or 0) / 3, "shorter steps"),
        ],
    )


def _course(record: Record) -> tuple[Numbers, float]:
    """The loss by epoch, or by blocks of steps, and how much of one of these is noise."""
    if not record.is_over:
        raise NotMeasured
    if len(record.curves.get("train/loss", ())) >= EPOCHS:
        return course(record), 0.0
    if is_watched(record):
        return blocks(record)
    raise NotMeasured
