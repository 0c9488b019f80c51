"""D213: batches so small that their noise drowns the slope."""

from __future__ import annotations

import numpy as np

from descend.findings.course import end_loss, scale
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.trial import LARGER_BATCHES
from descend.findings.unforked import is_watched

SMALL = 8  # examples
NOISE = 0.3  # of the loss of chance
LOW = 0.25  # of the loss of chance
SAMPLES = 20


@finding("D213", "note")
def noisy_batches(record: Record) -> Finding | Margin | None:
    """Batches are so small that the loss of one says little about that of the next.

    What it looks at: batches of up to 8 examples, and by how much the losses of sampled steps in
    the second half of a training differ from each other.
    Why it matters: the steps follow single examples, and only a small rate averages over them.
    Remedy: larger batches.
    Not a fault: small batches under a loss that is low in the end. It is a note, unless as many
    steps with larger batches were tried and came much further.
    """
    size = record.training.batch_size
    if not isinstance(size, int) or size > SMALL:
        return None
    examples = None if is_watched(record) else record.profile.examples["train"]
    if examples is not None and examples <= 2 * size:
        return None
    half = record.losses[len(record.losses) // 2 :]
    if not record.is_over or len(half) < SAMPLES or not np.isfinite(half).all():
        raise NotMeasured
    noise = float(half.std()) / scale(record)
    if noise < NOISE or end_loss(record) < LOW * scale(record):
        return Margin("spread of the batches' losses beside chance", noise, NOISE)
    trial = record.trials.get(LARGER_BATCHES)
    is_proven = trial is not None and trial.helps
    return Finding(
        severity="warning" if is_proven else "note",
        evidence=f"the losses of batches of {size} spread by {half.std():.3g}"
        + (f"; {trial}" if is_proven else ""),
        numbers={"noise": noise},
        healthy=f"below {NOISE:g} of chance",
        cause=f"{size} examples do not stand for {'all' if examples is None else f'{examples:,}'}",
        confidence=0.6,
        remedies=[edit("training.batch_size", 32)],
    )
