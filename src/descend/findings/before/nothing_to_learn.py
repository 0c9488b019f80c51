"""D135: one answer for every example."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Place
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D135", "error", leads_to=("D106", "D132", "D139", "D309", "D206", "D211", "D305"))
def nothing_to_learn(record: Record) -> Finding | None:
    """All training examples have the same answer, or the same inputs.

    What it looks at: the counts of the classes, the spread of each target and of each feature.
    Why it matters: a network that learns the one answer is always right and knows nothing.
    Remedy: examples of every class; the column that was meant as the target.
    Not a fault: classes that are rare; one of the answers that adversaries train with in turn.
    """
    profile = record.profile
    if record.known_loop is not None and record.known_loop.takes_turns:
        return None
    counts, targets = profile.class_counts, profile.raw_targets
    if counts is not None and counts.max() == counts.sum():
        only = int(np.argmax(counts))
        evidence = f"all {int(counts.sum()):,} targets are of class {only}"
        place = Place("label", only)
    elif targets is not None and bool(targets.is_constant.all()):
        evidence = f"every target is {targets.mean[0]:.4g}"
        place = Place("target")
    elif bool(profile.inputs["train"].is_constant.all()) and profile.examples["train"] > 1:
        evidence = "all examples have the same inputs"
        place = Place("features")
    else:
        return None
    return Finding(
        evidence=evidence,
        healthy="answers that differ, and inputs that tell them apart",
        cause="there is nothing to tell apart",
        place=place,
    )
