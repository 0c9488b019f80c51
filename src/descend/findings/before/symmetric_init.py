"""D104: units that begin equal and stay equal."""

from __future__ import annotations

from itertools import pairwise

from descend.findings.beginnings import drawn, suited_init
from descend.findings.finding import Finding, Remedy
from descend.findings.measured import known
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

EQUAL = 1e-6  # beside the largest weight


@finding("D104", "error", leads_to=("D105", "D106", "D201", "D204", "D206", "D211", "D215"))
def symmetric_init(record: Record) -> Finding | None:
    """All units of a hidden layer begin with the same weights, and so they learn the same.

    What it looks at: the largest difference between the weights and biases of two units of a
    layer, and between what the next layer multiplies them with.
    Why it matters: equal units get equal gradients for ever: a layer of any width is one unit wide.
    Where all are zero, no gradient reaches the layers below at all.
    Remedy: a random initialiser: `init = "he_normal"` for ReLU, `"xavier_uniform"` for others.
    Not a fault: zero biases; zero weights in the last layer alone, over a random body. Equal
    units that their biases or the next layer tell apart have a page of their own.
    Reference: Rumelhart, Hinton & Williams 1986.
    """
    layers = [one for one, after in pairwise(drawn(record).layers) if are_equal(one, after)]
    if not layers:
        return None
    layer = layers[0]
    return Finding(
        evidence=f"all {layer.fan_out} units of layer {layer.number} have the same weights, "
        f"{known(layer.mean):.3g}, and count the same in the next layer; so it is in {len(layers)} "
        f"of {len(record.hidden)} hidden layers",
        numbers={"difference": known(layer.units_differ), "layers": float(len(layers))},
        healthy="units that differ",
        cause="units that begin equal get equal gradients and never differ",
        place=layer.place,
        remedies=[Remedy(edits_for(record, layer), "units that differ from the start")],
    )


def are_equal(layer: Layer, after: Layer) -> bool:
    """Whether the units of a layer are interchangeable: nothing tells them apart."""
    if layer.fan_out == 1:
        return False
    size = max(abs(known(layer.least)), abs(known(layer.most)))
    size_after = max(abs(known(after.least)), abs(known(after.most)))
    return (
        known(layer.units_differ) <= EQUAL * size
        and known(after.inputs_differ) <= EQUAL * size_after
    )


def edits_for(record: Record, layer: Layer) -> dict[str, object]:
    """Random weights that suit each layer's activation."""
    better = suited_init(layer)
    edits: dict[str, object] = {"network.init": better, "network.output_init": "xavier_uniform"}
    for place, own in enumerate(record.network.layers or ()):
        if own.init is not None:
            edits[f"network.layers.{place}.init"] = suited_init(record.hidden[place])
    return edits
