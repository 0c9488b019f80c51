"""D134: features that say the same."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Margin, Place
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

MOST = 2_000  # features: beyond, comparing all with all is dear
FEW = 20  # examples: fewer may agree by chance


@finding("D134", "note")
def duplicated_features(record: Record) -> Finding | Margin | None:
    """Features are equal in every example, but for shift and scale.

    What it looks at: the correlation of all pairs of features over some examples.
    Why it matters: what they say counts twice, and their weights are tied: the loss has a flat
    direction.
    Remedy: leave one of each pair out.
    Not a fault: features that are always the same value, which have a page of their own.
    """
    x = record.profile.first
    if len(x) < FEW or x.shape[1] > MOST:
        raise NotMeasured
    varies = np.flatnonzero(x.std(axis=0) > 0)
    if len(varies) < 2:
        return None
    # values that are seldom there agree by chance; a feature must vary in several examples
    moving = varies[[len(np.unique(x[:, k])) > 2 or x[:, k].std() > 0.1 for k in varies]]
    z = (x[:, moving] - x[:, moving].mean(axis=0)) / x[:, moving].std(axis=0)
    agreement = np.abs(z.T @ z) / len(x)
    np.fill_diagonal(agreement, 0)
    pairs = np.argwhere(np.triu(agreement) > 1 - 1e-9)
    if not len(pairs):
        return Margin("largest correlation of two features", float(agreement.max(initial=0)), 1)
    one, other = (int(moving[k]) + 1 for k in pairs[0])
    return Finding(
        evidence=f"{len(pairs)} pairs of features agree; feature {one} and feature {other}",
        numbers={"pairs": float(len(pairs))},
        healthy="features of their own",
        cause="one can be computed from the other",
        place=Place("feature", other, x.shape[1]),
    )
