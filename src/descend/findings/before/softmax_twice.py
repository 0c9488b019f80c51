"""D110: an output activation that the loss applies once more."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding

APPLIED_BY = {"cross_entropy": ("softmax",), "bce": ("sigmoid", "softmax")}


@finding("D110", "error", leads_to=("D206", "D207", "D210", "D211"))
def softmax_twice(record: Record) -> Finding | None:
    """The output activation gives probabilities, and the loss takes them for logits.

    What it looks at: the last activation, the loss, and what the loss takes the outputs for.
    Why it matters: squashed twice, no answer can be sure: of k classes the loss cannot fall below
    ln(1 + (k - 1) / e), which is 1.46 for ten, and gradients are a fraction of what they should be.
    Remedy: `network.output = "identity"`, or `training.loss_on = "probabilities"`.
    Not a fault: `log_softmax` before NLL, which is what NLL is for; `log_softmax` before
    cross-entropy, which changes nothing.
    """
    training, output = record.training, record.output
    if training.loss_on != "logits" or output.activation not in APPLIED_BY.get(training.loss, ()):
        return None
    if output.activation == "softmax" and output.fan_out == 1:
        return None
    k = output.fan_out
    is_of_classes = training.loss == "cross_entropy"
    floor = math.log1p((k - 1) / math.e) if is_of_classes else math.log1p(1 / math.e)
    return Finding(
        evidence=f"output {output.activation}, loss {training.loss} on logits: no loss below "
        f"{floor:.4g}" + (f" for {k} classes" if is_of_classes else " for a certain yes"),
        numbers={"floor": floor},
        healthy="identity before a loss on logits",
        cause=f"{training.loss} on logits squashes what {output.activation} has squashed already",
        place=output.place,
        remedies=[
            Remedy({"network.output": "identity"}, "the loss squashes, once"),
            Remedy({"training.loss_on": "probabilities"}, "the output squashes, once"),
        ],
    )
