"""D113: independent sigmoids for classes of which one is right."""

from __future__ import annotations

from descend.findings.finding import Finding, Remedy
from descend.findings.heads import counts_classes
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D113", "error", leads_to=("D106", "D206", "D211"))
def sigmoid_on_exclusive_classes(record: Record) -> Finding | None:
    """Each class has a sigmoid of its own, and the loss is one for classes that exclude each other.

    What it looks at: the last activation, the loss and the task.
    Why it matters: on probabilities, cross-entropy looks at the right class only, and sigmoids may
    all be 1: the loss falls to 0 and nothing is told apart. On logits, it squashes once more.
    Remedy: `network.output = "identity"` with cross-entropy on logits.
    Not a fault: sigmoids with binary cross-entropy, where an example may carry several labels.
    """
    training, output = record.training, record.output
    if output.activation != "sigmoid" or not counts_classes(record):
        return None
    edits = {
        "network.output": "identity",
        "training.loss": "cross_entropy",
        "training.loss_on": "logits",
    }
    return Finding(
        evidence=f"{output.fan_out} sigmoids, loss {training.loss} on {training.loss_on}",
        healthy="one softmax over all classes, by itself or in the loss",
        cause="sigmoids do not share out 1 among the classes, so that all may be right at once",
        place=output.place,
        remedies=[Remedy(edits, "the loss shares out 1 among the classes")],
    )
