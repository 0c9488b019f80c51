"""D110: an output activation that the loss applies once more."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Remedy, write
from descend.findings.record import Record
from descend.findings.rule import finding

APPLIED_BY = {"cross_entropy": ("softmax",), "bce": ("sigmoid", "softmax")}


@finding("D110", "error", leads_to=("D206", "D207", "D210", "D211"))
def softmax_twice(record: Record) -> Finding | None:
    """The output activation gives probabilities, and the loss takes them for logits.

    What it looks at: the last activation, the loss, and what the loss takes the outputs for; in a
    watched loop, whether what the loss is given sums to 1 for each example.
    Why it matters: squashed twice, no answer can be sure: of k classes the loss cannot fall below
    ln(1 + (k - 1) / e), which is 1.46 for ten, and gradients are a fraction of what they should be.
    Remedy: `network.output = "identity"`, or `training.loss_on = "probabilities"`.
    Not a fault: `log_softmax` before NLL, which is what NLL is for; `log_softmax` before
    cross-entropy, which changes nothing.
    """
    if record.known_loop is not None and record.loop.are_probabilities is not None:
        return _seen(record)
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


def _seen(record: Record) -> Finding | None:
    """A watched loss on logits that is given probabilities."""
    training, k = record.training, record.loop.outputs or record.output.fan_out
    is_of_logits = training.loss == "cross_entropy" and training.loss_on == "logits"
    if not record.loop.are_probabilities or not is_of_logits or k < 2:
        return None
    floor = math.log1p((k - 1) / math.e)
    return Finding(
        evidence=f"each row that cross-entropy is given sums to 1: no loss below {floor:.4g} for "
        f"{k} classes",
        numbers={"floor": floor},
        healthy="numbers of any size and sign",
        cause="cross-entropy applies the softmax that the network has applied already",
        place=record.output.place if record.layers else None,
        remedies=[write("no softmax behind the last layer", "the loss applies it, once")],
    )
