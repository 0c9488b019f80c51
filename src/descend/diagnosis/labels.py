"""Labels: how far those of an example's neighbours agree with its own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

VOTERS = 15
SURE = 1 / 3  # of the examples: those whose neighbours agree most
FEWEST = 100  # examples
FEW = 50  # examples of a class
TIMES = 2.0  # standard errors


def disagreement(x: Tensor, labels: Tensor, x_new: Tensor, labels_new: Tensor) -> dict[str, float]:
    """How labels agree, of standardised inputs (examples, features) and class numbers (examples,).

    By name: "labels/wrong": the share of training examples whose neighbours say another class than
    their own; "labels/sure_wrong": the same of that third whose neighbours agree most,
    "labels/sure" how many these are; "labels/sure_wrong_held_out" and "labels/sure_held_out": of
    held-out examples, by their neighbours in training; "labels/tied": the share of pairs of
    classes that neighbours tell apart no better than a coin does, "labels/tied_classes": how many
    classes are in one. Nothing for too few examples.
    """
    if len(x) < FEWEST:
        return {}
    classes = int(max(labels.max(), labels_new.max() if len(labels_new) else 0)) + 1
    distance = torch.cdist(x, x).fill_diagonal_(torch.inf)
    wrong, sureness = _vote(distance, labels, labels, classes)
    found = {"labels/wrong": float(wrong.double().mean())}
    found |= _surest(wrong, sureness, "")
    if len(x_new) >= FEWEST:
        found |= _surest(*_vote(torch.cdist(x_new, x), labels, labels_new, classes), "_held_out")
    return found | _tied(distance, labels, classes)


def _vote(distance: Tensor, labels: Tensor, truth: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Whether the neighbours are wrong of each example, and how far they agree."""
    nearest = distance.topk(VOTERS, largest=False).indices
    shares = torch.nn.functional.one_hot(labels[nearest], classes).double().mean(dim=1)
    sureness, said = shares.max(dim=1)
    return said != truth, sureness


def _surest(wrong: Tensor, sureness: Tensor, name: str) -> dict[str, float]:
    """Of the third with the greatest sureness, and all that are as sure."""
    limit = sureness.sort(descending=True).values[max(0, round(SURE * len(wrong)) - 1)]
    chosen = sureness >= limit
    return {
        f"labels/sure_wrong{name}": float(wrong[chosen].double().mean()),
        f"labels/sure{name}": float(chosen.sum()),
    }


def _tied(distance: Tensor, labels: Tensor, classes: int) -> dict[str, float]:
    """Pairs of classes whose examples have neighbours of either class alike."""
    there = [k for k in range(classes) if int((labels == k).sum()) >= FEW]
    ties: list[tuple[int, int]] = []
    pairs = [(one, other) for place, one in enumerate(there) for other in there[:place]]
    for one, other in pairs:
        rows = ((labels == one) | (labels == other)).nonzero().flatten()
        nearest = distance[rows][:, rows].topk(VOTERS, largest=False).indices
        own = (labels[rows] == one).double()
        says = own[nearest].mean(dim=1)
        shares = torch.stack([1 - own.mean(), own.mean()])
        right = ((says > own.mean()) == (own > 0.5)).double()
        of_each = [float(right[own == value].mean()) for value in (0.0, 1.0)]
        error = 0.5 / np.sqrt(float(len(rows) * shares.min()))
        if np.mean(of_each) < 0.5 + TIMES * error:
            ties.append((one, other))
    if not pairs:
        return {}
    return {
        "labels/tied": len(ties) / len(pairs),
        "labels/tied_classes": float(len({k for tie in ties for k in tie})),
    }
