"""D123: logits that cannot grow."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding

LOSSES = ("cross_entropy", "bce")
BOUNDED = {"tanh": (-1.0, 1.0)}
BELOW = ("softplus", "exp", "elu", "selu", "gelu", "silu")  # they have a floor only


@finding("D123", "warning", leads_to=("D206",), is_forecast=True)
def bounded_logits(record: Record) -> Finding | None:
    """An activation bounds the logits, and with them how sure an answer can be.

    What it looks at: the last activation where the loss takes the outputs for logits.
    Why it matters: between -1 and 1 the best answer of two classes has 88 %, and the loss cannot
    fall below 0.127. Logits that are never below 0 cannot refuse a label.
    Remedy: `network.output = "identity"`.
    Not a fault: leaky ReLU, which reaches every number.
    """
    training, output = record.training, record.output
    if training.loss not in LOSSES or training.loss_on != "logits":
        return None
    if output.activation not in (*BOUNDED, *BELOW):
        return None
    floor = 0.0
    if output.activation in BOUNDED:
        least, most = BOUNDED[output.activation]
        is_of_classes = training.loss == "cross_entropy"
        floor = (
            math.log1p((output.fan_out - 1) * math.exp(least - most))
            if is_of_classes
            else (math.log1p(math.exp(-most)))
        )
    elif training.loss == "cross_entropy":
        return None  # classes compete: one that is high refuses the others
    evidence = f"output {output.activation}, loss {training.loss} on logits"
    return Finding(
        evidence=evidence + (f": no loss below {floor:.3g}" if floor else ""),
        numbers={"floor": floor},
        healthy="identity before a loss on logits",
        cause=f"{output.activation} keeps the logits from saying how sure they are",
        place=output.place,
        remedies=[edit("network.output", "identity", "logits of any size")],
    )
