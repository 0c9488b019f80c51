"""D150: ReLU layers so narrow that they choke or die."""

from __future__ import annotations

import math
from itertools import pairwise

from descend.findings.finding import Finding, Margin, Remedy, Severity
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

LIKELY = 0.5  # that some layer is dead from the start


@finding(
    "D150", "warning", leads_to=("D152", "D201", "D204", "D206", "D211", "D302"), is_forecast=True
)
def narrow_relu(record: Record) -> Finding | Margin | None:
    """A ReLU layer of one or two units lets too little through, or nothing.

    What it looks at: the widths of the ReLU layers and of those around them, and the chance
    1 - Π (1 - 2^-width) that all units of some layer are 0 for an example from the start.
    Why it matters: a single ReLU unit is 0 on one half of the data and knows nothing there; and
    where all units of a layer are 0, no gradient passes to any layer below.
    Remedy: more units, or `activation = "leaky_relu"` in this layer.
    Not a fault: two units for two inputs, as in XOR, though it is a lottery; the narrow middle of
    an autoencoder and two units in the middle of a network, which are notes.
    Reference: Lu, Shin, Su & Karniadakis 2020, "Dying ReLU and initialization".
    """
    narrow = [one for one, after in pairwise(record.layers) if is_choking(one, after)]
    relus = [layer for layer in record.hidden if layer.activation == "relu"]
    dying = 1 - math.prod(1 - 0.5**layer.fan_out for layer in relus)
    if not narrow and dying < LIKELY:
        return Margin("chance that a layer is dead from the start", dying, LIKELY)
    worst = min(narrow or relus, key=lambda layer: layer.fan_out)
    is_certain = worst.fan_out == 1 or dying >= LIKELY
    is_meant = record.profile.task == "autoencoder"
    severity: Severity = "warning" if is_certain and not is_meant else "note"
    return Finding(
        evidence=f"layer {worst.number} has {worst.fan_out} ReLU units for {worst.fan_in} inputs; "
        f"a layer is dead from the start with a chance of {dying:.0%}",
        numbers={"units": float(worst.fan_out), "dying": dying},
        healthy="ReLU layers of several units",
        cause=f"{worst.fan_out} ReLU units are 0 together for {0.5**worst.fan_out:.0%} of the "
        "examples",
        severity=severity,
        place=worst.place,
        remedies=[_leaky(record, narrow or relus), _wider(record)],
    )


def is_choking(layer: Layer, after: Layer) -> bool:
    """Whether a ReLU layer is narrower than what comes in and goes out."""
    if layer.activation != "relu" or layer.batch_norm == "after":
        return False
    if layer.fan_out == 1:
        return True
    return layer.fan_out == 2 and layer.fan_in > 2 and after.fan_out > 2


def _leaky(record: Record, layers: list[Layer]) -> Remedy:
    edits: dict[str, object] = {
        f"network.layers.{layer.number - 1}.activation": "leaky_relu" for layer in layers
    }
    if not record.network.layers:
        edits = {"network.activation": "leaky_relu"}
    return Remedy(edits, "the gradient passes on both sides of 0")


def _wider(record: Record) -> Remedy:
    widths = [max(layer.fan_out, 16) for layer in record.hidden]
    if record.network.layers:
        edits: dict[str, object] = {
            f"network.layers.{place}.units": width for place, width in enumerate(widths)
        }
    else:
        edits = {"network.hidden": widths}
    return Remedy(edits, "never are all units of a layer 0")
