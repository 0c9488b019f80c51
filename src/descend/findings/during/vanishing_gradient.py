"""D201: a gradient that shrinks from layer to layer on its way to the inputs."""

from __future__ import annotations

import numpy as np

from descend.findings.course import gradient_size, is_poor, path_length
from descend.findings.finding import Finding, Margin, Remedy, edit
from descend.findings.record import Record
from descend.findings.rule import finding

LEFT = 0.02  # of the last layer's gradient arrives at the first
A_LAYER = 0.4  # of it arrives one layer further down
FEWEST = 3  # layers
FIRST = 5  # samples: once the last layer fits the mean of the targets, it has no gradient either


@finding("D201", "error", leads_to=("D209", "D211", "D215"))
def vanishing_gradient(record: Record) -> Finding | Margin | None:
    """The gradient shrinks on its way back, so that the first layers hardly learn.

    What it looks at: the root mean square of each layer's gradient, which is free of its width,
    at the first steps; what is left of it at the first layer, and the factor from one layer to
    the next.
    Why it matters: the first layers stay as they were drawn, and the others make what they can of
    random features.
    Remedy: `activation = "relu"` with `init = "he_normal"`, batch normalisation, fewer layers.
    Not a fault: a gradient that is small because the loss is; one that is small on a plateau which
    the training leaves, as deep sigmoid networks on XOR do; one that Adam makes up for. It is a
    fault only where the loss does not come away from that of a constant answer, or stays high.
    Reference: Hochreiter 1991; Glorot & Bengio 2010.
    """
    if len(record.layers) < FEWEST:
        return None
    numbers = range(1, len(record.layers) + 1)
    sizes = [float(np.median(gradient_size(record, number)[:FIRST])) for number in numbers]
    if not sizes[-1] or not np.isfinite(sizes).all() or not sizes[0]:
        return None
    left = sizes[0] / sizes[-1]
    factor = left ** (1 / (len(sizes) - 1))
    if left > LEFT or factor > A_LAYER or not is_poor(record):
        return Margin("gradient of the first layer beside the last", left, LEFT)
    squashing = [n for n in record.hidden if n.activation in ("sigmoid", "tanh")]
    return Finding(
        evidence=f"layer 1 gets {left:.2g} of the last layer's gradient, each layer {factor:.2g} "
        f"of the next one's; its weights would go {path_length(record, 1):.2g} times their size",
        numbers={"left": left, "factor": factor, "first": sizes[0], "last": sizes[-1]},
        healthy=f"more than {LEFT:g} arrives, or the loss falls",
        cause="each layer passes on less than it gets"
        + (f": the slope of {squashing[0].activation} is below 1" if squashing else ""),
        place=record.layers[0].place,
        since=int(record.steps[0]),
        remedies=[
            Remedy({"network.activation": "relu", "network.init": "he_normal"}, "slope 1"),
            edit("network.batch_norm", "before", "keeps every layer's spread"),
            edit("network.init", "xavier_uniform" if squashing else "he_normal"),
        ],
    )
