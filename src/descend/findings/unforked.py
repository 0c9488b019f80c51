"""Unforked: what a trace alone says of the rate, where nobody can train a second time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from descend.findings.course import FEW_STEPS, LEARNS, course, end_loss, learns, scale, start_loss
from descend.findings.measured import NotMeasured
from descend.findings.record import Numbers, Record

LONG = 0.1  # of a layer's weights at once, step after step: what was learnt is overwritten
THROWN = 2.0  # times the first loss, or that of chance: where steps that are too long lead
FAR = 100.0  # times the first loss, or that of chance
SHORT = 1e-3  # of a layer's weights: usual rates move them further
ROUNDING = 6e-8  # of a number in single precision: half its last digit
FALLS = 0.6  # of neighbouring parts of the course: more of them go down than chance has it
PARTS = 10
BLOCKS, EACH = 24, 5  # samples


def is_watched(record: Record) -> bool:
    """Whether somebody else's loop was watched, of which no fork can be trained."""
    return record.known_loop is not None and not record.forks


def step_size(record: Record) -> Numbers:
    """The update ratio of the middle layer at each sampled step at which something moved."""
    if not record.layers:
        raise NotMeasured
    ratios = np.stack([record.series("update_ratio", layer) for layer in record.layers], axis=1)
    ratios = np.where(np.isinf(ratios), np.nan, ratios)
    ratios = ratios[~np.isnan(ratios).all(axis=1)]
    if not len(ratios):
        raise NotMeasured
    middle: Numbers = np.nanmedian(ratios, axis=1)
    return middle


def thrown_up(record: Record) -> float:
    """How high the loss rose, beside the first one or that of chance; infinite if it diverged."""
    if record.status == "diverged":
        return math.inf
    losses = course(record)
    finite = losses[np.isfinite(losses)]
    if not len(finite):
        raise NotMeasured
    return float(finite.max()) / max(start_loss(record), scale(record))


def is_lost_in_rounding(record: Record) -> bool:
    """Whether steps along a gradient are too small to change a number, and nothing is learnt."""
    if not record.layers or not len(record.losses):
        raise NotMeasured
    slopes = [record.series("gradient_norm", layer) for layer in record.layers]
    if not all(bool((slope > 0).all()) for slope in slopes) or record.status == "diverged":
        return False
    return float(step_size(record).max()) < ROUNDING and not learns(record)


def falls_steadily(record: Record) -> bool:
    """Whether the loss goes down part after part, and not in one fall that is over."""
    losses = course(record)
    if record.planned_steps < FEW_STEPS or len(losses) < 2 * PARTS:
        raise NotMeasured
    means = [float(part.mean()) for part in np.array_split(losses, PARTS)]
    down = [after < before for before, after in pairwise(means)]
    late, early = _fall(means[PARTS // 2 :]), _fall(means[: PARTS // 2 + 1])
    return sum(down) > FALLS * len(down) and late > 0.3 * early


def _fall(means: Sequence[float]) -> float:
    return means[0] - means[-1]


def blocks(record: Record) -> tuple[Numbers, float]:
    """The course of a loop in means of some losses each, and what is noise in one of them.

    (blocks,), and the standard error of a mean, from how much the losses differ within its block.
    """
    losses = record.all_losses if len(record.all_losses) else record.losses
    if len(losses) < BLOCKS * EACH or not np.isfinite(losses).all():
        raise NotMeasured
    parts = np.array_split(losses, BLOCKS)
    within = float(np.median([part.std(ddof=1) / math.sqrt(len(part)) for part in parts]))
    return np.array([part.mean() for part in parts]), within


def comes_to_nothing(record: Record) -> bool:
    """Whether a loop that is over ended no lower than it began, or than chance.

    One that goes on does not come back from where it has been thrown a hundred times as high.
    """
    end, unit = end_loss(record), scale(record)
    if not record.is_over:
        return end > FAR * max(start_loss(record), unit)
    return not end < LEARNS * unit
