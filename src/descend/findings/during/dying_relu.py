"""D204: ReLU units that give 0 for every example."""

from __future__ import annotations

import numpy as np

from descend.findings.course import is_poor
from descend.findings.finding import Finding, Margin, Remedy, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

MANY = 0.5  # of a layer's units


@finding("D204", "error", leads_to=("D201", "D211", "D215"))
def dying_relu(record: Record) -> Finding | Margin | None:
    """Units of a ReLU layer are 0 for every example, get no gradient, and stay so.

    What it looks at: the share of units that are 0 for each of up to 2,000 training examples under
    the weights that there are now; the step since which a batch showed as many. Named is the layer
    that has the fewest units left, of several dead ones the narrowest, which dies most easily, and
    of those that were dead from the first step on the first, which leaves the others nothing.
    Why it matters: a layer whose units are all dead makes the network a constant; many dead units
    leave a network that is too narrow.
    Remedy: `activation = "leaky_relu"`, `init = "he_normal"`, a smaller rate, more units.
    Not a fault: zeros as such, which are what ReLU is for: half of the activations and more, as
    long as each unit answers to some example; some dead units in a network that learns.
    Reference: Lu et al. 2019.
    """
    layers = [layer for layer in record.hidden if _is_relu(layer)]
    if not layers:
        return None
    found = [(dead, layer) for layer in layers if (dead := _dead(record, layer)) is not None]
    if not found:
        raise NotMeasured
    share = max(dead for dead, _ in found)
    if share < 1 and (share < MANY or not is_poor(record)):
        return Margin("largest share of dead units", share, MANY)
    dead_ones = [(dead, one) for dead, one in found if dead >= MANY]
    shut = [(dead, one) for dead, one in dead_ones if dead == 1 and _is_at_first(record, one)]
    share, layer = shut[0] if shut else min(dead_ones, key=_living)
    since = _since(record, layer, share)
    at_first = _is_at_first(record, layer, share)
    return Finding(
        evidence=f"{share:.0%} of {layer.fan_out} units are 0 for every example",
        numbers={"dead_share": share},
        healthy=f"below {MANY:.0%}",
        cause="the first weights and biases keep them below 0"
        if at_first
        else "steps pushed their sums below 0 for every example",
        place=layer.place,
        since=since,
        confidence=0.95 if share == 1 else 0.8,
        remedies=[
            edit("network.activation", "leaky_relu", "passes gradient below 0"),
            Remedy({"network.init": "he_normal", "network.bias_init": "zeros"}),
            edit("training.lr", (record.training.lr or 0) / 10, "shorter steps"),
        ],
    )


def _dead(record: Record, layer: Layer) -> float | None:
    """The share of dead units; None of a layer whose activations nobody has seen."""
    try:
        return record.unit("dead", layer)
    except NotMeasured:
        return None


def _living(one: tuple[float, Layer]) -> tuple[float, int]:
    """How many units of a layer are not dead, and how many it has."""
    dead, layer = one
    return round((1 - dead) * layer.fan_out), layer.fan_out


def _is_relu(layer: Layer) -> bool:
    return layer.activation == "relu" and layer.batch_norm != "after"


def _is_at_first(record: Record, layer: Layer, share: float = 1.0) -> bool:
    """Whether so many units were dead in the first batch that was seen."""
    since = _since(record, layer, share)
    return since is not None and since <= int(record.steps[0])


def _since(record: Record, layer: Layer, share: float) -> int | None:
    try:
        shown = np.nonzero(record.series("dead_share", layer) >= share)[0]
    except NotMeasured:
        return None
    return int(record.steps[shown[0]]) if len(shown) else None
