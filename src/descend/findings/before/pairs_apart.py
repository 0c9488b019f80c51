"""D143: a split whose targets belong to other inputs."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.signal import NONE, Signal, carried_over, held_out_signal, signal_of

KNOWN = 0.02  # r² of held-out targets, from training pairs
LITTLE = 0.1  # of the other split's signal


@finding(
    "D143",
    "error",
    leads_to=("D140", "D204", "D206", "D207", "D215", "D301", "D302", "D305", "D309"),
    is_dear=True,
)
def pairs_apart(record: Record) -> Finding | Margin:
    """In one split inputs and targets go together, in another they do not, or otherwise.

    What it looks at: what nearest neighbours and a linear model know of the targets of a split from
    its own other pairs, beside shuffled targets; and what neighbours among the training pairs say
    of held-out ones.
    Why it matters: a network learns the pairs that it is given. If rows were mixed up in one split,
    or labels mean something else there, nothing of it holds in the other.
    Remedy: the same order of rows and the same meaning of labels in each split: split inputs and
    targets together.
    Not a fault: a split with too few examples to tell, which is left out.
    """
    own, others = signal_of(record.profile), held_out_signal(record.profile)
    carried = carried_over(record.profile)
    if (wrong := _wrong(own, others, carried)) is None:
        return Margin("r² of held-out targets, from training pairs", carried, KNOWN)
    return Finding(
        evidence=f"r² of simple models: training pairs {own.score:.2g} (shuffled "
        f"{own.shuffled:.2g}), held-out pairs {others.score:.2g} (shuffled {others.shuffled:.2g}), "
        f"from one to the other {carried:.2g}",
        numbers={"train": own.score, "held_out": others.score, "carried": carried},
        healthy=f"each above shuffled targets in more than {1 - NONE:.0%} of the shufflings",
        cause=wrong,
        confidence=0.95,
    )


def _wrong(own: Signal, others: Signal, carried: float) -> str | None:
    if _says_nothing(own, others) and others.is_clear and carried < KNOWN:
        return "the training targets belong to other inputs: their rows were mixed up"
    if own.is_clear and _says_nothing(others, own) and carried < KNOWN:
        return "the held-out targets belong to other inputs: their rows were mixed up"
    if own.is_clear and others.is_clear and carried < -KNOWN:
        return "targets mean something else in the held-out examples than in training"
    return None


def _says_nothing(signal: Signal, other: Signal) -> bool:
    """Whether there is no signal, or next to none beside the other one."""
    return signal.is_none or signal.excess < LITTLE * other.excess
