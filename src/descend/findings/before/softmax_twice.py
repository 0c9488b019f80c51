"""D110: an output activation that the loss applies once more."""

from __future__ import annotations

from descend.findings.finding import Finding, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding

APPLIED_BY = {"cross_entropy": ("softmax", "log_softmax", "sigmoid"), "bce": ("sigmoid", "softmax")}


@finding("D110", "error", leads_to=("D210", "D211"))
def softmax_twice(record: Record) -> Finding | None:
    """The output activation gives probabilities, and the loss takes them for logits.

    What it looks at: the last activation, the loss, and what the loss takes the outputs for.
    Why it matters: squashed twice, no answer can be sure: of k classes the loss cannot fall below
    ln(1 + (k - 1) / e), which is 1.46 for ten, and gradients are a fraction of what they should be.
    Remedy: `network.output = "identity"`, or `training.loss_on = "probabilities"`.
    Not a fault: `log_softmax` before NLL, which is what NLL is for.
    """
    training, output = record.training, record.output
    if training.loss_on != "logits" or output.activation not in APPLIED_BY.get(training.loss, ()):
        return None
    return Finding(
        evidence=f"output {output.activation}, loss {training.loss} on logits",
        healthy="identity before a loss on logits",
        cause=f"{training.loss} on logits squashes what {output.activation} has squashed already",
        place=output.place,
        remedies=[
            Remedy({"network.output": "identity"}, "the loss squashes, once"),
        ],
    )
