"""D106: a first loss far above chance."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, edit
from descend.findings.heads import OF_CLASSES
from descend.findings.record import Record
from descend.findings.rule import finding

FAR = 5.0  # times chance, for classes
FAR_FROM_NUMBERS = 100.0  # numbers that lie far from 0 are reached by the last bias alone


@finding("D106", "warning", leads_to=("D207",), is_forecast=True)
def first_loss_off(record: Record) -> Finding | Margin:
    """The network begins far worse than an answer that ignores the inputs.

    What it looks at: the loss before any update, against that of the best constant answer.
    Why it matters: a network that knows nothing should say so: of k classes it begins near ln k.
    One that is sure and wrong first has to forget.
    Remedy: `network.output_init = "xavier_uniform"`, and standard scales of inputs and targets.
    Not a fault: a first loss of one to three times chance.
    Reference: Karpathy 2019, "A recipe for training neural networks".
    """
    is_of_classes = record.profile.task in OF_CLASSES
    limit = FAR if is_of_classes else FAR_FROM_NUMBERS
    excess = record.first_loss / max(record.chance_loss, 1e-3)
    if excess < limit:
        return Margin("first loss beside chance", excess, limit)
    return Finding(
        evidence=f"first loss {record.first_loss:.4g}, chance {record.chance_loss:.4g}",
        numbers={"first_loss": record.first_loss, "chance_loss": record.chance_loss},
        healthy=f"below {limit:g} times chance",
        cause="the first outputs are large, and they know nothing yet",
        severity="warning" if is_of_classes else "note",
        place=record.output.place,
        confidence=0.6,
        remedies=[edit("network.output_init", "xavier_uniform", "small first outputs")],
    )
