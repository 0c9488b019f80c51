"""D137: training and evaluation data from different distributions."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Margin, Place
from descend.findings.record import Record
from descend.findings.rule import finding

APART = 1.0  # distance of the means in spreads of both
CERTAIN = 6.0  # the same in standard errors: chance does this to no feature of many
FEW = 5  # examples


@finding("D137", "warning", leads_to=("D301",))
def splits_differ(record: Record) -> Finding | Margin | None:
    """A feature lies elsewhere in validation or test than it did in training.

    What it looks at: the mean of each feature in each split, in units of its spread within them
    and of the standard error that so many examples have.
    Why it matters: the score is of places where the network has never been; it says little of what
    was learnt, and the other way round.
    Remedy: a split at random, as `data.test` and `data.validation` make it; more training examples
    of the kind that is tested.
    Not a fault: differences that splits of this size have by chance. A test of later times or of
    other places than the training's differs on purpose: then this is what it will find.
    """
    train, n = record.profile.inputs["train"], record.profile.examples["train"]
    worst, worst_name, place = 0.0, "", 0
    for name, columns in record.profile.inputs.items():
        m = record.profile.examples[name]
        if name == "train" or min(n, m) < FEW:
            continue
        spread = np.sqrt((train.std**2 + columns.std**2) / 2)
        spread = np.where(spread > 0, spread, np.inf)
        apart = np.abs(train.mean - columns.mean) / spread
        errors = apart / np.sqrt(1 / n + 1 / m)
        apart = np.where(errors > CERTAIN, apart, 0.0)
        if apart.max() > worst:
            worst, worst_name, place = float(apart.max()), name, int(np.argmax(apart))
    if worst < APART:
        return Margin("distance of a feature's means in spreads", worst, APART)
    other = record.profile.inputs[worst_name]
    return Finding(
        evidence=f"feature {place + 1} has mean {train.mean[place]:.3g} in training and "
        f"{other.mean[place]:.3g} in {worst_name}, {worst:.2g} spreads apart",
        numbers={"apart": worst},
        healthy=f"less than {APART:g} spread",
        cause=f"the {worst_name} examples are of another kind than the training examples",
        place=Place("feature", place + 1, len(train.mean)),
    )
