"""D121: an activation that changes nothing."""

from __future__ import annotations

from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D121", "note")
def redundant_activation(record: Record) -> Finding | None:
    """An activation does what comes after it does once more, without any effect.

    What it looks at: the last activation and the loss.
    Why it matters: it costs time, and it hides what the outputs are.
    Remedy: `network.output = "identity"`, or `training.loss = "nll"`.
    Not a fault: softmax in this place is one, and has a page of its own.
    """
    training, output = record.training, record.output
    is_loss_on_logits = training.loss == "cross_entropy" and training.loss_on == "logits"
    if output.activation != "log_softmax" or not is_loss_on_logits or output.fan_out == 1:
        return None
    return Finding(
        evidence="output log_softmax, loss cross_entropy on logits",
        healthy="log_softmax once, in the output or in the loss",
        cause="the log_softmax of a log_softmax is itself",
        place=output.place,
        remedies=[
            edit("network.output", "identity", "once, in the loss"),
            edit("training.loss", "nll", "once, in the output"),
        ],
    )
