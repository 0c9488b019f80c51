"""D151: more saturating layers than the gradient survives."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from descend.findings.beginnings import SATURATING, drawn
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.measured import NotMeasured, known_number
from descend.findings.record import Record
from descend.findings.rule import finding

VANISHED = 1e-4  # of the last layer's gradient; three sigmoid layers keep a 400th
DEEP = 3  # hidden layers
ALONE = 0.6  # of all that is lost, in decades


@finding("D151", "warning", leads_to=("D201", "D206", "D207", "D211"), is_forecast=True)
def excess_depth(record: Record) -> Finding | Margin | None:
    """The gradient vanishes on its way through the layers, before anything is learnt.

    What it looks at: the norm of the first layer's gradient beside the last one's, before any
    update, where hidden layers are sigmoid or tanh.
    Why it matters: a sigmoid's slope is 1/4 at most; ten layers leave a millionth of the gradient.
    The first layers stand still, and the others learn from what stands still.
    Remedy: `network.activation = "relu"` with He weights; batch normalisation; fewer layers.
    Not a fault: a gradient that is small because the loss is; a plateau of a few layers that ends;
    one layer that takes nearly all of it, which then is the fault.
    Reference: Hochreiter 1991; Bengio, Simard & Frasconi 1994.
    """
    saturating = [layer for layer in drawn(record).hidden if layer.activation in SATURATING]
    if len(saturating) < DEEP:
        return None
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
