"""D101: weights that begin too large."""

from __future__ import annotations

from descend.findings.beginnings import SATURATING, drawn, gain, is_normalised, suited_init
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding

TOO_LARGE = 3.0  # times chance; sound initialisers begin below 1.5
MOSTLY_SATURATED = 0.5


@finding(
    "D101",
    "error",
    leads_to=(
        *("D106", "D154", "D160", "D202", "D203", "D204", "D205", "D207", "D209", "D301"),
        "D303",
    ),
    is_forecast=True,
)
def init_too_large(record: Record) -> Finding | Margin:
    """The initial weights are so large that the first loss is far above chance.

    What it looks at: the loss before any update, against that of the best constant answer; the
    share of saturated units; and the spread of each layer's weights beside its width.
    Why it matters: the first steps only shrink the weights, and saturated units pass no gradient.
    Remedy: `init = "he_normal"` for ReLU, `"xavier_uniform"` for tanh and sigmoid.
    Not a fault: inputs or targets out of scale also give a large first loss; then no layer's
    weights are larger than usual for its width, and this rule is silent.
    Reference: Glorot & Bengio 2010; He et al. 2015.
    """
    layers = [layer for layer in drawn(record).layers if not is_normalised(layer)]
    excess = record.first_loss / max(record.chance_loss, 1e-3)
    faulty = [layer for layer in layers if gain(layer) >= TOO_LARGE]
    saturated = max(
        (
            record.first("saturated_share", layer)
            for layer in layers
            if layer.activation in SATURATING and not layer.is_output and gain(layer) >= TOO_LARGE
        ),
        default=0.0,
    )
    is_off = excess >= TOO_LARGE or saturated > MOSTLY_SATURATED
    if not is_off or not faulty:
        return Margin("first loss beside chance", excess, TOO_LARGE)
    first = faulty[0]
    edits = {"network.init": suited_init(first), "network.output_init": "xavier_uniform"}
    for layer in faulty:
        if record.network.layers and not layer.is_output:
            edits[f"network.layers.{layer.number - 1}.init"] = suited_init(layer)
    return Finding(
        evidence=f"first loss {record.first_loss:.4g}, chance {record.chance_loss:.4g}; weights of "
        f"spread {first.spread:.3g}",
        numbers={
            "first_loss": record.first_loss,
            "chance_loss": record.chance_loss,
            "gain": gain(first),
            "saturated_share": saturated,
        },
        healthy=f"a first loss below {TOO_LARGE:g} times chance",
        cause=f"{first.fan_in:,} inputs with weights of spread {first.spread:.3g} give a unit a "
        f"spread of {gain(first):.3g} times theirs",
        place=first.place,
        remedies=[Remedy(edits, "hands on the spread of what comes in")],
    )
