"""D124: a softmax over the units of a hidden layer."""

from __future__ import annotations

from descend.findings.finding import Finding, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding

EXCLUSIVE = ("softmax", "log_softmax")


@finding("D124", "warning", leads_to=("D102", "D201", "D206", "D207", "D302"), is_forecast=True)
def softmax_between_layers(record: Record) -> Finding | None:
    """A hidden layer's units compete: what all of them hand on sums to 1.

    What it looks at: the activations of the hidden layers.
    Why it matters: of n units each hands on 1/n, and its slope is about as small: the layers above
    see hardly any difference between examples, and those below hardly any gradient.
    Remedy: `network.activation = "relu"`. A softmax belongs behind the last layer, if anywhere.
    Not a fault: weights of a mixture or of attention, which are meant to sum to 1.
    Reference: Bridle 1990.
    """
    layers = [layer for layer in record.hidden if layer.activation in EXCLUSIVE]
    if not layers:
        return None
    first = layers[0]
    fields = ["network.activation"]
    if record.network.layers:
        fields = [f"network.layers.{layer.number - 1}.activation" for layer in layers]
    signal = "" if first.signal is None else f"; examples differ by {first.signal:.2g} in a unit"
    return Finding(
        evidence=f"{first.activation} over {first.fan_out} units{signal}",
        numbers={"layers": float(len(layers)), "units": float(first.fan_out)},
        healthy="hidden units that do not sum to anything",
        cause=f"{first.activation} makes the units of a hidden layer share what they hand on",
        place=first.place,
        remedies=[Remedy(dict.fromkeys(fields, "relu"), "each unit by itself")],
    )
