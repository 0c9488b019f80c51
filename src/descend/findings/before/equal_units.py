"""D144: units that begin equal but for their biases, or for what the next layer makes of them."""

from __future__ import annotations

from itertools import pairwise

from descend.findings.before.symmetric_init import EQUAL, are_equal, edits_for
from descend.findings.beginnings import drawn
from descend.findings.finding import Finding, Remedy
from descend.findings.measured import known
from descend.findings.record import Layer, Record
from descend.findings.rule import finding


@finding(
    "D144",
    "warning",
    leads_to=(
        "D106",
        "D201",
        "D204",
        "D206",
        "D207",
        "D209",
        "D211",
        "D215",
        "D302",
        "D303",
        "D307",
    ),
    is_forecast=True,
)
def equal_units(record: Record) -> Finding | None:
    """All units of a hidden layer begin with equal weights; only biases or the next layer differ.

    What it looks at: the largest difference between the weights of two units of a layer, where
    their biases differ, or what the next layer multiplies them with.
    Why it matters: their gradients are multiples of each other: the units turn the same way, and a
    layer of any width is for long as good as one unit.
    Remedy: a random initialiser: `init = "he_normal"` for ReLU, `"xavier_uniform"` for others.
    Not a fault: zero biases. Layers that nothing ever tells apart have a page of their own.
    Reference: Rumelhart, Hinton & Williams 1986.
    """
    pairs = list(pairwise(drawn(record).layers))
    layers = [one for one, after in pairs if are_alike(one) and not are_equal(one, after)]
    if not layers:
        return None
    layer = layers[0]
    return Finding(
        evidence=f"all {layer.fan_out} units of layer {layer.number} have the same weights, "
        f"{known(layer.mean):.3g}",
        numbers={"difference": known(layer.units_differ), "layers": float(len(layers))},
        healthy="units that differ",
        cause="units that begin equal turn the same way",
        place=layer.place,
        remedies=[Remedy(edits_for(record, layer), "units that differ from the start")],
    )


def are_alike(layer: Layer) -> bool:
    """Whether all units of a layer have the same weights, perhaps with other biases."""
    size = max(abs(known(layer.least)), abs(known(layer.most)))
    differ = min(known(layer.units_differ), known(layer.spread))
    return layer.fan_out > 1 and differ <= EQUAL * size
