"""D122: hidden layers that grow exponentially."""

from __future__ import annotations

import math

from descend.findings.beginnings import drawn
from descend.findings.finding import Finding, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding

LARGE = 100.0  # by how much examples differ in a layer: sound layers hand on about what they get


@finding("D122", "error", leads_to=("D101", "D106", "D132", "D160", "D202", "D203", "D212", "D208"))
def unbounded_activation(record: Record) -> Finding | None:
    """A hidden activation grows exponentially, layer upon layer.

    What it looks at: the activations of the hidden layers, and by how much their units differ from
    example to example before any update.
    Why it matters: exp of exp of 3 is 10^8. Outputs, gradients and updates grow as fast, until a
    step ends in infinity or NaN.
    Remedy: `network.activation = "relu"`, or `"tanh"` where the range matters.
    Not a fault: exp after the last layer, as the rate of a Poisson loss. One hidden layer of it
    that stays small is a warning.
    """
    layers = [layer for layer in drawn(record).hidden if layer.activation == "exp"]
    if not layers:
        return None
    largest = max((layer.signal if layer.signal is not None else 0.0) for layer in record.hidden)
    is_certain = len(layers) > 1 or not largest < LARGE or not math.isfinite(record.first_loss)
    edits = {"network.activation": "tanh", "network.init": "xavier_uniform"}
    for place, own in enumerate(record.network.layers or ()):
        if own.activation == "exp":
            edits[f"network.layers.{place}.activation"] = "tanh"
    return Finding(
        evidence=f"{len(layers)} hidden layers with exp; examples differ by up to {largest:.3g}",
        numbers={"layers": float(len(layers)), "signal": largest},
        healthy="hidden activations that grow no faster than their inputs",
        cause="exp grows exponentially with what comes in, and so does its slope",
        severity="error" if is_certain else "warning",
        place=layers[0].place,
        remedies=[Remedy(edits, "bounded in every layer")],
    )
