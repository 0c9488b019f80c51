"""D101: weights that begin too large."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Margin, edit
from descend.findings.record import Layer, Record, known
from descend.findings.rule import finding
from descend.recipe.defaults import INIT_FOR, RECTIFIED

TOO_LARGE = 3.0  # times chance; sound initialisers begin below 1.5


@finding("D101", "error", leads_to=("D201", "D202", "D203", "D204", "D205"))
def init_too_large(record: Record) -> Finding | Margin:
    """The initial weights are so large that the first loss is far above chance.

    What it looks at: the loss before any update, against that of the best constant answer.
    Why it matters: the first steps only shrink the weights, and saturated units pass no gradient.
    Remedy: `init = "he_normal"` for ReLU, `"xavier_uniform"` for tanh and sigmoid.
    Not a fault: inputs or targets out of scale also give a large first loss; then no layer's
    weights are larger than usual for its width, and this rule is silent.
    Reference: Glorot & Bengio 2010; He et al. 2015.
    """
    excess = record.first_loss / max(record.chance_loss, 1e-3)
    widest = max(record.layers, key=gain)
    if excess < TOO_LARGE or gain(widest) < TOO_LARGE:
        return Margin("first loss beside chance", excess, TOO_LARGE)
    better = INIT_FOR.get(widest.activation, RECTIFIED)
    return Finding(
        evidence=f"first loss {record.first_loss:.4g}, chance {record.chance_loss:.4g}; weights of "
        f"spread {widest.spread:.3g}",
        numbers={"first_loss": record.first_loss, "chance_loss": record.chance_loss},
        healthy=f"a first loss below {TOO_LARGE:g} times chance",
        cause=f"{widest.fan_in:,} inputs with weights of spread {widest.spread:.3g} give a unit a "
        f"spread of {gain(widest):.3g} times theirs",
        place=widest.place,
        remedies=[edit("network.init", better)],
    )


def gain(layer: Layer) -> float:
    """By how much a layer's sums spread more than its inputs: σ √fan_in."""
    return known(layer.spread) * math.sqrt(layer.fan_in)
