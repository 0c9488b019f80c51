"""D139: classes without a single example."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Place
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D139", "note")
def empty_classes(record: Record) -> Finding | None:
    """Some classes have no training example.

    What it looks at: how many training examples each class has.
    Why it matters: nobody can learn them, and labels that begin at 1 leave class 0 empty.
    Remedy: labels counted from 0 without gaps, or examples of each class.
    Not a fault: classes that are rare.
    """
    counts = known(record.profile.class_counts)
    empty = np.flatnonzero(counts == 0)
    if not len(empty):
        return None
    return Finding(
        evidence=f"{len(empty)} of {len(counts)} classes have no training example",
        numbers={"empty": float(len(empty)), "classes": float(len(counts))},
        healthy="an example of each class",
        cause=f"no training example is of class {int(empty[0])}",
        place=Place("label", int(empty[0])),
    )
