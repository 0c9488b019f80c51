"""D153: dropout that leaves too few units."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

MOST = 0.8  # of a layer's units
LEFT = 3.0  # units that stay, on average


@finding("D153", "warning", leads_to=("D106", "D213", "D302", "D303", "D304"), is_forecast=True)
def dropout_too_high(record: Record) -> Finding | Margin | None:
    """Dropout leaves a hidden layer so few units that hardly anything comes through.

    What it looks at: each layer's dropout, and how many of its units stay on average.
    Why it matters: of four units at one half, two stay, and every sixteenth time none does: the
    layers above learn noise.
    Remedy: `network.dropout = 0.2` or none; wider layers.
    Not a fault: one half of a wide layer, which is Hinton's own choice.
    Reference: Srivastava et al. 2014.
    """
    layers = [layer for layer in record.hidden if layer.dropout > 0]
    if not layers:
        return None
    worst = min(layers, key=left)
    strongest = max(layers, key=lambda layer: layer.dropout)
    if strongest.dropout < MOST and left(worst) >= LEFT:
        return Margin("dropout", strongest.dropout, MOST)
    shown = worst if left(worst) < LEFT else strongest
    edits: dict[str, object] = {"network.dropout": 0.0}
    for place, own in enumerate(record.network.layers or ()):
        if own.dropout is not None:
            edits[f"network.layers.{place}.dropout"] = 0.0
    return Finding(
        evidence=f"dropout {shown.dropout:g} leaves {left(shown):.3g} of {shown.fan_out} units of "
        f"layer {shown.number}",
        numbers={"dropout": shown.dropout, "left": left(shown)},
        healthy=f"below {MOST:g}, and {LEFT:g} units or more that stay",
        cause="what is left of a layer changes altogether from step to step",
        place=shown.place,
        remedies=[Remedy(edits, "all units stay")],
    )


def left(layer: Layer) -> float:
    """How many units stay on average."""
    return layer.fan_out * (1 - layer.dropout)
