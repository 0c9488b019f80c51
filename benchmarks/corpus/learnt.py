"""Learnt: how far a trained network came, from chance to perfection."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from descend.data.examples import Examples


def learnt(result: Mapping[str, Any], examples: Examples, split: str = "train") -> float:
    """0 for the best constant answer, 1 for perfect ones; -inf for one that diverged.

    r², or the share of the way between the two accuracies. result: of one network of a run.
    """
    metrics = result["metrics"]
    if result["status"] == "diverged":
        return -math.inf
    if (score := metrics.get(f"{split}/r2")) is None:
        chance = majority(examples, split)
        accuracy = metrics.get(f"{split}/accuracy", math.nan)
        score = (accuracy - chance) / (1 - chance) if chance < 1 else math.nan
    return float(score) if math.isfinite(score) else -math.inf


def majority(examples: Examples, split: str = "train") -> float:
    """The accuracy of the best constant answer on a split."""
    y = examples.split(split).y
    if examples.task == "multilabel":
        share = y.mean(dim=0)
        return float(share.maximum(1 - share).mean())
    _, counts = torch.unique(y, return_counts=True)
    return float(counts.max() / counts.sum())


def middle(scores: Sequence[float]) -> float:
    """The score of the middle network."""
    return sorted(scores)[len(scores) // 2]
