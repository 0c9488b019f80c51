"""D214: layers whose inputs shift while they learn."""

from __future__ import annotations

import numpy as np

from descend.findings.course import end_loss, scale
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

SHIFT = 2.0  # standard deviations
SAMPLES = 10
HIGH = 0.5  # of the loss of chance


@finding("D214", "note")
def covariate_shift(record: Record) -> Finding | Margin | None:
    """What a hidden layer gives has shifted far from where it began, and the loss is still high.

    What it looks at: the mean of each hidden layer's activations beside the first one, in units of
    their standard deviation, then or now, whichever is larger.
    Why it matters: the layer above has to follow.
    Remedy: batch normalisation, where the training is slow; otherwise none is needed.
    Not a fault: a shift as such, which learning is made of; hence a note.
    Reference: Ioffe & Szegedy 2015; Santurkar et al. 2018.
    """
    if len(record.steps) < SAMPLES:
        raise NotMeasured
    shifts = []
    for layer in record.hidden:
        mean, std = record.series("activation_mean", layer), record.series("activation_std", layer)
        if layer.batch_norm or not std[0]:
            continue
        shift = np.abs(mean - mean[0]) / np.maximum(std, std[0])
        if np.isfinite(shift).all():
            shifts.append((float(shift[-SAMPLES // 2 :].mean()), layer))
    if not shifts:
        return None
    shift, layer = max(shifts, key=lambda one: one[0])
    if shift < SHIFT or end_loss(record) < HIGH * scale(record):
        return Margin("shift of a layer's mean, in its deviations", shift, SHIFT)
    return Finding(
        evidence=f"the mean has shifted by {shift:.2g} of its standard deviations",
        numbers={"shift": shift},
        healthy=f"below {SHIFT:g}",
        cause="the weights below it grew",
        place=layer.place,
        confidence=0.5,
        remedies=[edit("network.batch_norm", "before")],
    )
