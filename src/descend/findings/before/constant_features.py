"""D133: features that are the same for every example."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Place
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D133", "note")
def constant_features(record: Record) -> Finding | None:
    """Features have one value for all training examples.

    What it looks at: the smallest and the largest value of each feature.
    Why it matters: they tell nothing, and act as biases; if they vary later, the network has
    weights for them that nothing has ever trained.
    Remedy: leave them out, or find out why they do not vary.
    Not a fault: features that are always 0, such as the corners of images.
    """
    columns = record.profile.raw
    constant = np.flatnonzero(columns.is_constant & (columns.most != 0))
    n = len(columns.mean)
    if not len(constant) or len(constant) == n:
        return None
    first = int(constant[0])
    return Finding(
        evidence=f"{len(constant)} of {n} features are constant; feature {first + 1} is always "
        f"{columns.mean[first]:.4g}",
        numbers={"constant": float(len(constant)), "features": float(n)},
        healthy="features that vary",
        cause="what does not vary tells nothing about the target",
        place=Place("feature", first + 1, n),
    )
