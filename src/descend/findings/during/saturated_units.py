"""D205: sigmoid or tanh units at the flat ends of their curve."""

from __future__ import annotations

import numpy as np

from descend.findings.course import is_poor
from descend.findings.finding import Finding, Margin, Remedy, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

MANY = 0.7  # of a layer's activations
ALIKE = 1e-3  # of the activations' size


@finding("D205", "error", leads_to=("D201", "D211", "D215"))
def saturated_units(record: Record) -> Finding | Margin | None:
    """Sigmoid or tanh units stand at the flat ends of their curve and pass no gradient.

    What it looks at: the share of a hidden layer's activations whose slope is below 2.7 % of the
    largest, over up to 2,000 training examples; the step since which it is so.
    Why it matters: what lies below such a layer gets no gradient.
    Remedy: inputs of mean 0 and standard deviation 1, `init = "xavier_uniform"`, batch
    normalisation before the activation, a smaller rate.
    Not a fault: saturation of a network that has learnt, or may yet, unless a layer answers all
    examples alike; of the output, which is to be sure.
    Reference: Glorot & Bengio 2010; Rakitianskaia & Engelbrecht 2015.
    """
    found = [
        (record.unit("saturated", layer), layer)
        for layer in record.hidden
        if layer.activation in ("sigmoid", "tanh") and layer.batch_norm != "after"
    ]
    if not found:
        return None
    share = max(value for value, _ in found)
    if share < MANY or not (is_poor(record) or any(_is_shut(record, one) for _, one in found)):
        return Margin("largest share of saturated activations", share, MANY)
    layer = next(one for value, one in found if value >= MANY)
    since = _since(record, layer)
    at_first = since is not None and since <= int(record.steps[0])
    return Finding(
        evidence=f"{share:.0%} of the activations are saturated",
        numbers={"saturated_share": share},
        healthy=f"below {MANY:.0%}",
        cause="weights and inputs were too large from the start"
        if at_first
        else "the weights grew too large",
        place=layer.place,
        since=since,
        confidence=0.9,
        remedies=[
            Remedy({"data.scale": "standard"}, "inputs around 0"),
            edit("network.init", "xavier_uniform"),
            edit("network.batch_norm", "before"),
            edit("training.lr", (record.training.lr or 0) / 10, "shorter steps"),
        ],
    )


def _is_shut(record: Record, layer: Layer) -> bool:
    """Whether a layer answers every example alike, all its units at an end of their curve."""
    return record.unit("saturated", layer) == 1 and record.unit("difference", layer) < ALIKE


def _since(record: Record, layer: Layer) -> int | None:
    try:
        shown = np.nonzero(record.series("saturated_share", layer) >= MANY)[0]
    except NotMeasured:
        return None
    return int(record.steps[shown[0]]) if len(shown) else None
