"""D105: first weights that all have one sign."""

from __future__ import annotations

from descend.findings.before.equal_units import are_alike
from descend.findings.beginnings import drawn, suited_init
from descend.findings.finding import Finding, Remedy
from descend.findings.measured import known
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

BY_CHANCE = 12  # weights: that these all have one sign is a chance of 1 in 2,048
NAMED = ("uniform", "normal", "constant", "ones")


@finding(
    "D105", "warning", leads_to=("D101", "D106", "D205", "D201", "D206", "D207"), is_forecast=True
)
def one_sided_init(record: Record) -> list[Finding]:
    """All first weights of a hidden layer are positive, or all are negative.

    What it looks at: the smallest and the largest weight of each hidden layer.
    Why it matters: units of one sign all grow and fall together, so that they begin nearly equal;
    sums of many inputs of one sign saturate sigmoid and tanh, and negative ones kill ReLU.
    Remedy: weights on both sides of 0: `init = "xavier_uniform"` or `"he_normal"`.
    Not a fault: a layer of so few weights that chance may give them one sign. Units with equal
    weights have a page of their own.
    Reference: LeCun, Bottou, Orr & Müller 1998, "Efficient BackProp".
    """
    return [
        Finding(
            evidence=f"the weights of layer {layer.number} reach from {known(layer.least):.3g} to "
            f"{known(layer.most):.3g}",
            numbers={"least": known(layer.least), "most": known(layer.most)},
            healthy="weights on both sides of 0",
            cause=f"{layer.init} draws weights of one sign only",
            place=layer.place,
            remedies=[Remedy(_edits(record, layer), "weights on both sides of 0")],
        )
        for layer in drawn(record).hidden
        if is_one_sided(layer)
    ]


def is_one_sided(layer: Layer) -> bool:
    """Whether all weights have one sign, and that by no chance."""
    has_one_sign = known(layer.least) > 0 or known(layer.most) < 0
    weights = layer.fan_in * layer.fan_out
    least = BY_CHANCE // 3 if layer.init in NAMED else BY_CHANCE
    return has_one_sign and weights >= least and layer.fan_out > 1 and not are_alike(layer)


def _edits(record: Record, layer: Layer) -> dict[str, object]:
    edits: dict[str, object] = {"network.init": suited_init(layer)}
    if record.network.layers:
        edits[f"network.layers.{layer.number - 1}.init"] = suited_init(layer)
    return edits
