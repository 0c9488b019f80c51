"""Standing: how far a network came in the end, beside what is known to be possible."""

from __future__ import annotations

import math

import numpy as np

from descend.findings.measured import NotMeasured, known
from descend.findings.record import Record

WELL = 0.8  # of what simple models reach, or of perfection where none was tried
SIMPLE = ("neighbours", "linear")
OF_NUMBERS = ("regression", "autoencoder")


def does_well(record: Record) -> bool:
    """Whether the training is over and the network knows what there is to know.

    That is what simple models know of held-out examples; where none was tried, nearly everything.
    """
    if not record.is_over or record.status == "diverged":
        return False
    try:
        score, possible = learnt(record), reach(record)
    except NotMeasured:
        return False
    return score > 0 and score >= WELL * possible


def learnt(record: Record) -> float:
    """How far the network came on its training examples: 0 is chance, 1 perfection."""
    if record.profile.task in OF_NUMBERS:
        return record.metric("train/r2")
    return above_chance(record.metric("train/accuracy"), record)


def reach(record: Record) -> float:
    """How far the best simple model comes on held-out examples; 1 where none was tried."""
    name = "r2" if record.profile.task in OF_NUMBERS else "accuracy"
    scores = [record.baselines.get(f"{model}/{name}", math.nan) for model in SIMPLE]
    tried = [score for score in scores if math.isfinite(score)]
    if not tried:
        return 1.0
    return max(tried) if name == "r2" else above_chance(max(tried), record)


def above_chance(accuracy: float, record: Record) -> float:
    """An accuracy as the share of the way from the best constant answer to perfection."""
    chance = chance_accuracy(record)
    return (accuracy - chance) / max(1 - chance, 1e-9)


def chance_accuracy(record: Record) -> float:
    """The share of right answers of the best constant one."""
    profile = record.profile
    if profile.task == "multilabel":
        share = known(profile.raw_targets).mean
        return float(np.maximum(share, 1 - share).mean())
    return known(profile.chance_accuracy)
