"""D305: an accuracy that the largest class alone would give."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

UNBALANCED = 1.5  # times the share that classes of one size have
TIMES = 1.0  # standard errors


@finding("D305", "warning")
def metric_hides_failure(record: Record) -> Finding | Margin | None:
    """The accuracy is that of always answering the largest class.

    What it looks at: the accuracy on held-out examples beside the share of the largest class, where
    the classes are of very different size.
    Why it matters: an accuracy of 95 % is nothing where 95 % of the examples are of one class.
    Remedy: `training.class_weights = "balanced"`; judge by class.
    Not a fault: the same accuracy where classes are of one size: that is no learning at all, and
    said so.
    """
    if not record.is_over:
        return None
    chance = known(record.profile.chance_accuracy)
    counts = known(record.profile.class_counts)
    classes = int((counts > 0).sum())
    if classes < 2 or chance < UNBALANCED / classes or chance < 0.6:
        return None
    split = "test" if "test/accuracy" in record.metrics else "validation"
    accuracy = record.metric(f"{split}/accuracy")
    error = math.sqrt(chance * (1 - chance) / record.profile.examples[split])
    above = accuracy - chance
    if above > max(TIMES * error, 0.1 * (1 - chance)):
        return Margin("accuracy above the largest class", above, TIMES * error)
    return Finding(
        evidence=f"{split} accuracy {accuracy:.3f}; always the largest class: {chance:.3f}",
        numbers={"accuracy": accuracy, "majority": chance},
        healthy=f"above {chance + max(TIMES * error, 0.1 * (1 - chance)):.3f}",
        cause="the network answers the largest class, and the metric praises it",
        confidence=0.9,
        remedies=[edit("training.class_weights", "balanced", "all classes count alike")],
    )
