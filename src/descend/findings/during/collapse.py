"""D215: a layer that gives the same for every example."""

from __future__ import annotations

from descend.findings.course import is_poor
from descend.findings.finding import Finding, Margin, edit
from descend.findings.record import Record
from descend.findings.rule import finding

DIFFERENCE = 0.003  # of the size of the activations


@finding("D215", "warning", leads_to=("D206",))
def collapse(record: Record) -> Finding | Margin | None:
    """A hidden layer gives nearly the same for every example: what the inputs said is lost.

    What it looks at: by how much the activations of up to 2,000 training examples differ in a
    layer, beside their size.
    Why it matters: the layers above cannot tell the examples apart.
    Remedy: initial weights that keep the spread, batch normalisation, fewer layers.
    Not a fault: a layer that differs little in a network that learns.
    """
    if not record.hidden:
        return None
    found = [(record.unit("difference", layer), layer) for layer in record.hidden]
    least = min(found, key=lambda one: one[0])[0]
    if least > DIFFERENCE or not is_poor(record):
        return Margin("least difference between examples in a layer", least, DIFFERENCE)
    layer = next(layer for value, layer in found if value <= DIFFERENCE)
    return Finding(
        evidence=f"examples differ by {least:.2g} of the activations' size",
        numbers={"difference": least},
        healthy=f"above {DIFFERENCE:g}",
        cause="each layer brings the examples closer together",
        place=layer.place,
        confidence=0.8,
        remedies=[
            edit("network.init", "he_normal"),
            edit("network.init", "xavier_uniform"),
            edit("network.batch_norm", "before"),
        ],
    )
