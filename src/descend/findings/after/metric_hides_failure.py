"""D305: an accuracy that the largest class alone would give."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured, known
from descend.findings.record import Record
from descend.findings.rule import finding

UNBALANCED = 1.5  # times the share that classes of one size have
TIMES = 1.0  # standard errors
SPLITS = ("train", "validation", "test")


@finding("D305", "warning")
def metric_hides_failure(record: Record) -> Finding | Margin | None:
    """The accuracy is that of always answering the largest class.

    What it looks at: the accuracy on training and on held-out examples beside the share of the
    largest class, where the classes are of very different size.
    Why it matters: an accuracy of 95 % is nothing where 95 % of the examples are of one class.
    Remedy: `training.class_weights = "balanced"`; judge by class.
    Not a fault: the same accuracy where classes are of one size: that is no learning at all, and
    said so; training examples that are told apart, though held-out ones are not.
    """
    if not record.is_over:
        return None
    chance = known(record.profile.chance_accuracy)
    counts = known(record.profile.class_counts)
    classes = int((counts > 0).sum())
    if classes < 2 or chance < UNBALANCED / classes or chance < 0.6:
        return None
    splits = [one for one in SPLITS if f"{one}/accuracy" in record.metrics]
    least = {split: _least(record, split, chance) for split in splits}
    if not splits:
        raise NotMeasured
    for split in splits:
        above = record.metric(f"{split}/accuracy") - chance
        if above > least[split]:
            return Margin(f"{split} accuracy above the largest class", above, least[split])
    split = splits[-1]
    accuracy = record.metric(f"{split}/accuracy")
    return Finding(
        evidence=f"{split} accuracy {accuracy:.3f}; always the largest class: {chance:.3f}",
        numbers={"accuracy": accuracy, "majority": chance},
        healthy=f"above {chance + least[split]:.3f}",
        cause="the network answers the largest class, and the metric praises it",
        confidence=0.9,
        remedies=[edit("training.class_weights", "balanced", "all classes count alike")],
    )


def _least(record: Record, split: str, chance: float) -> float:
    """What an accuracy must be above the largest class to be more than it."""
    error = math.sqrt(chance * (1 - chance) / record.profile.examples[split])
    return max(TIMES * error, 0.1 * (1 - chance))
