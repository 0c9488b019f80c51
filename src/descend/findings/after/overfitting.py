"""D301: a network that learns its training examples at the cost of others."""

from __future__ import annotations

import math

import numpy as np

from descend.findings.course import (
    OF_CHANCE,
    RISE,
    has_risen,
    held_out_course,
    least_held_out,
    scale,
    smooth,
)
from descend.findings.finding import Finding, Margin, Remedy, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.standing import LOST, beaten, error_of_share, metric_of

TIMES = 2.0  # standard errors
WIDE, GAP_TIMES = 0.1, 3.0  # a gap that is no matter of taste, and none of chance
LOW = 0.1  # of the loss of chance: what is below is learnt by heart
HALF = 0.5  # of it: what is above has not learnt its own examples
REGULARISED = (edit("network.dropout", 0.3), edit("network.l2", 0.001))


@finding("D301", "warning")
def overfitting(record: Record) -> Finding | Margin | None:
    """What the network learns holds for its training examples alone.

    What it looks at: the smoothed loss on validation (or test) examples: its least value, or that
    of a constant answer, and its last; whether the metric of the task has become worse, too, or
    the loss is above that of a constant answer; the gap between training and held-out examples,
    with an interval from their number. Where the loss has not risen: whether a linear model or the
    nearest neighbours answer the held-out examples far better than the network, which knows its
    training examples by heart.
    Why it matters: the network learns what tells its training examples from each other, and not
    what they have in common with others.
    Remedy: early stopping, fewer epochs, dropout, `l2`, more examples, a smaller network.
    Not a fault: a gap as such, where nothing simpler does better; a loss that rises while the share
    of right answers stays and is near that of the training examples, which is a network that grows
    too sure: that is a note. Nor is a rise from which early stopping went back to the best weights.
    Reference: Prechelt 1998.
    """
    if not record.is_over or record.status == "diverged":
        return None
    split, held_out = held_out_course(record)
    training, unit, at = record.curve("train/loss"), scale(record), int(held_out.argmin())
    # the best weights may have been kept
    last = min(float(held_out[-1]), record.metrics.get(f"{split}/loss", math.inf))
    least = least_held_out(record)
    fell = training[-1] < training[round((at + 0.5) / len(held_out) * (len(training) - 1))]
    is_learnt = training[-1] < LOW * unit or (fell and training[-1] < HALF * unit)
    if not has_risen(last, least, record) or not is_learnt:
        rise = Margin("rise of the held-out loss beside chance", (last - least) / unit, OF_CHANCE)
        return _beaten(record) or rise
    name, gap, error = _gap(record, split)
    if gap < TIMES * error:
        return Margin("training examples answered better, in standard errors", gap / error, TIMES)
    is_worse = _lost(record, split, at) or (last > unit and gap > WIDE + GAP_TIMES * error)
    share = (at + 1) / len(held_out)
    epochs = max(1, round(share * len(training)))
    return Finding(
        severity=None if is_worse else "note",
        evidence=f"{split} loss {least:.4g} after {share:.0%} of the epochs, {last:.4g} at the end"
        + _beside(record, name, split),
        numbers={"least": least, "last": last, "gap": gap, "error": error},
        healthy=f"a rise below {RISE:.0%}",
        cause=f"what it learnt after epoch {epochs:,} holds for the training examples alone",
        since=epochs * record.steps_per_epoch,
        confidence=0.9 if is_worse else 0.6,
        remedies=[
            *_stopping(split),
            edit("training.epochs", epochs, "ends where the held-out loss was least"),
            *REGULARISED,
        ],
    )


def _beaten(record: Record) -> Finding | None:
    """A simple model that answers held-out examples better than a network that learns by heart."""
    try:
        found = beaten(record)
    except NotMeasured:
        return None
    if found is None:
        return None
    name = metric_of(record)
    return Finding(
        evidence=f"{name} {found.known:.3g} on training, {found.own:.3g} on {found.examples:,} "
        f"{found.split} examples, where {found.model} reaches {found.best:.3g}",
        numbers={"train": found.known, "held_out": found.own, "simple": found.best},
        healthy=f"at least {LOST:.0%} of what a simple model knows of them",
        cause="it knows its training examples by heart, and of others less than a simpler model",
        confidence=0.8,
        remedies=[*REGULARISED, *_stopping(found.split)],
    )


def _stopping(split: str) -> list[Remedy]:
    stop = {"metric": f"{split}/loss"}
    kept = edit("training.early_stopping", stop, "keeps the best weights")
    return [kept] if split == "validation" else []


def _gap(record: Record, split: str) -> tuple[str, float, float]:
    """By how much training examples are answered better, and the standard error of that."""
    for name in ("accuracy", "r2"):
        own, other = (record.metrics.get(f"{part}/{name}") for part in ("train", split))
        if own is not None and other is not None:
            return name, own - other, error_of_share(other, record.profile.examples[split])
    return "", math.nan, math.nan


def _beside(record: Record, name: str, split: str) -> str:
    """Both scores, and of how many examples the held-out one is."""
    if not name:
        return ""
    own, other = (record.metric(f"{part}/{name}") for part in ("train", split))
    examples = record.profile.examples[split]
    return f"; {name} {own:.3g} on training, {other:.3g} on {examples:,} {split} examples"


def _lost(record: Record, split: str, at: int) -> bool:
    """Whether the task's metric was better by more than chance when the loss was least."""
    examples = record.profile.examples[split]
    accuracy = record.curves.get(f"{split}/accuracy")
    if accuracy is not None and not np.isnan(accuracy).all():
        course = smooth(accuracy[~np.isnan(accuracy)])
        best, last = float(course[min(at, len(course) - 1)]), float(course[-1])
        return best - last > max(0.01, TIMES * error_of_share(best, examples))
    r2 = record.curves.get(f"{split}/r2")
    if r2 is not None and not np.isnan(r2).all():
        course = smooth(r2[~np.isnan(r2)])
        return float(course[min(at, len(course) - 1)] - course[-1]) > 0.05
    return True
