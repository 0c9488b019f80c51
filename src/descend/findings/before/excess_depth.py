"""D151: more layers than the gradient survives, or than the task needs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from descend.findings.beginnings import SATURATING, drawn
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.measured import NotMeasured, known_number
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

VANISHED = 1e-4  # of the last layer's gradient; three sigmoid layers keep a 400th
DEEP = 3  # hidden layers
VERY_DEEP = 12
FEW = 3
ALONE = 0.6  # of all that is lost, in decades


@finding("D151", "warning", leads_to=("D201", "D206", "D207", "D211"), is_forecast=True)
def excess_depth(record: Record) -> Finding | Margin | None:
    """The gradient vanishes on its way through the layers, or there are very many of them.

    What it looks at: the norm of the first layer's gradient beside the last one's, before any
    update, where hidden layers are sigmoid or tanh; and whether there are twelve hidden layers or
    more without batch normalisation, where three of them, trained as long, learn more.
    Why it matters: a sigmoid's slope is 1/4 at most; ten layers leave a millionth of the gradient.
    The first layers stand still, and the others learn from what stands still. Even where every
    layer hands the gradient on, a long chain of plain layers is hard to move.
    Remedy: `network.activation = "relu"` with He weights; batch normalisation; fewer layers.
    Not a fault: a gradient that is small because the loss is; a plateau of a few layers that ends;
    one layer that takes nearly all of it, which then is the fault; many layers that learn as much
    as three do.
    Reference: Hochreiter 1991; Bengio, Simard & Frasconi 1994; He et al. 2016, on degradation.
    """
    hidden = drawn(record).hidden
    saturating = [layer for layer in hidden if layer.activation in SATURATING]
    found = _vanishes(record, saturating) if len(saturating) >= DEEP else None
    if isinstance(found, Finding) or len(hidden) < VERY_DEEP or is_normalised(record):
        return found
    return Finding(
        evidence=f"{len(hidden)} hidden layers, and none is normalised",
        numbers={"layers": float(len(hidden))},
        healthy=f"fewer than {VERY_DEEP}",
        cause="so many plain layers are a long chain to move",
        place=record.layers[0].place,
        confidence=0.6,
        remedies=[_shallow(record), Remedy({"network.batch_norm": "before"})],
    )


def is_normalised(record: Record) -> bool:
    """Whether any hidden layer has batch normalisation."""
    return any(layer.batch_norm for layer in record.hidden)


def _shallow(record: Record) -> Remedy:
    """The first few of the layers."""
    network = record.network
    if network.layers:
        few = [layer.model_dump(exclude_none=True) for layer in network.layers[:FEW]]
        return Remedy({"network.layers": few}, f"{FEW} hidden layers")
    return Remedy({"network.hidden": list(network.hidden or ())[:FEW]}, f"{FEW} hidden layers")


def _vanishes(record: Record, saturating: Sequence[Layer]) -> Finding | Margin:
    """The gradient at the first layer beside that at the last."""
    last = record.first("gradient_norm", record.output)
    if last == 0:
        raise NotMeasured
    share = known_number(record.first("gradient_norm", record.layers[0]) / last)
    if share >= VANISHED or lost_at_once(record):
        return Margin("first layer's gradient beside the last one's", share, VANISHED)
    activations: dict[str, object] = {"network.activation": "relu", "network.init": "he_normal"}
    for place, own in enumerate(record.network.layers or ()):
        if own.activation is not None:
            activations[f"network.layers.{place}.activation"] = "relu"
        if own.init is not None:
            activations[f"network.layers.{place}.init"] = "he_normal"
    return Finding(
        evidence=f"of {len(record.layers)} layers the first one gets {share:.2g} of the last one's "
        "gradient",
        numbers={"share": share, "layers": float(len(record.hidden))},
        healthy=f"{VANISHED:g} or more",
        cause=f"{len(saturating)} {saturating[0].activation} layers each pass on a part of it",
        place=record.layers[0].place,
        remedies=[
            Remedy(activations, "passes the gradient on whole"),
            Remedy({"network.batch_norm": "before"}, "keeps each layer where it has a slope"),
        ],
    )


def lost_at_once(record: Record) -> bool:
    """Whether one layer alone takes most of the gradient: then that one is at fault, not depth."""
    sizes = [
        record.first("gradient_norm", layer) / math.sqrt(layer.fan_in * layer.fan_out)
        for layer in record.layers
    ]
    if not all(sizes):
        return True
    steps = [math.log(after / before) for before, after in pairwise(sizes)]
    return max(steps) > ALONE * float(np.sum(steps))
