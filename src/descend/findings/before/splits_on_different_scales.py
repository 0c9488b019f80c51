"""D136: training and evaluation data in different units."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Margin
from descend.findings.profile import Columns
from descend.findings.record import Record
from descend.findings.rule import finding

FACTOR = 3.0
FACTOR_OF_FEW = 8.0
FEW = 30  # examples: fewer may be far from typical
OFF = 0.1  # from mean 0 and spread 1
MOST = 0.9  # of the features


@finding("D136", "error", leads_to=("D137", "D301"))
def splits_on_different_scales(record: Record) -> Finding | Margin | None:
    """Validation or test inputs are several times as large as the training inputs, or as small.

    What it looks at: the size of each feature in each split, as the network sees it, and where the
    training inputs are not standardised, its spread, whichever has changed less; of these factors
    the middle one. Another unit changes size and spread alike.
    Why it matters: a network trained on pixels from 0 to 1 and tested on pixels from 0 to 255 is
    tested on something else. ReLU networks hide it, for their answers grow with the inputs; others
    lose tens of points.
    Remedy: the same preparation for all splits, as `data.scale` does it.
    Not a fault: features that differ a little between splits, as chance has it; as many that lie
    elsewhere with the same spread are examples of another kind, which has a page of its own.
    """
    train = record.profile.inputs["train"]
    worst, worst_name, least = 1.0, "", FACTOR
    for name, columns in record.profile.inputs.items():
        examples = min(record.profile.examples[name], record.profile.examples["train"])
        if name == "train" or examples < 2:
            continue
        limit = FACTOR if examples >= FEW else FACTOR_OF_FEW
        found = factor(train, columns)
        if abs(np.log(found)) / np.log(limit) > abs(np.log(worst)) / np.log(least):
            worst, worst_name, least = found, name, limit
    if abs(np.log(worst)) < np.log(least):
        return Margin("size of the inputs of a split beside training", worst, least)
    return Finding(
        evidence=f"{worst_name} inputs are {worst:.3g} times as large as training inputs",
        numbers={"factor": worst},
        healthy=f"from 1/{least:g} to {least:g}",
        cause=f"the {worst_name} split was not prepared as the training split was",
    )


def factor(train: Columns, other: Columns) -> float:
    """How many times as large as in training the features are, the middle one of them."""
    both = (train.std > 0) & (other.std > 0)
    if not both.any():
        return 1.0
    sizes = other.sizes[both] / train.sizes[both]
    if not is_standard(train):
        spreads = other.std[both] / train.std[both]
        sizes = np.where(np.abs(np.log(spreads)) < np.abs(np.log(sizes)), spreads, sizes)
    return float(np.median(sizes))


def is_standard(columns: Columns) -> bool:
    """Whether features, more than one, have mean 0 and spread 1: only a preparation does that."""
    is_centred = np.abs(columns.mean) < OFF
    is_scaled = np.abs(columns.std - 1) < OFF
    return len(columns.mean) > 1 and bool((is_centred & is_scaled).mean() > MOST)
