"""D102: weights that begin too small."""

from __future__ import annotations

from descend.findings.beginnings import (
    drawn,
    hidden_gain,
    is_normalised,
    mean_gain,
    relative_gain,
    suited_init,
)
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding

WEAKEST = 1e-3  # of what suited weights would hand on, through all hidden layers
RATHER_WEAK = 0.01
ONE_LAYER = 0.3  # and a layer's part in it, on average; torch's default has 0.4 under ReLU


@finding(
    "D102",
    "warning",
    leads_to=("D151", "D160", "D201", "D204", "D206", "D207", "D209", "D211", "D215"),
    is_forecast=True,
)
def init_too_small(record: Record) -> Finding | Margin | None:
    """The initial weights are so small that next to nothing comes through the hidden layers.

    What it looks at: the spread of each layer's weights times √fan_in, beside the √2 that suits
    ReLU and the 1 that suits tanh and sigmoid; and the product of all hidden layers.
    Why it matters: outputs that hardly depend on the inputs give gradients that hardly depend on
    them either: the first layers wait on a plateau, and some networks never leave it.
    Remedy: `init = "he_normal"` for ReLU, `"xavier_uniform"` for tanh and sigmoid.
    Not a fault: small weights in one layer that the others make up for, small weights of the last
    layer alone, and any weights below batch normalisation.
    Reference: Glorot & Bengio 2010; He et al. 2015.
    """
    hidden = [layer for layer in drawn(record).hidden if not is_normalised(layer)]
    if not hidden:
        return None
    through = hidden_gain(record)
    weak = [layer for layer in hidden if relative_gain(layer) < ONE_LAYER]
    if through == 0 or through >= RATHER_WEAK or mean_gain(record) >= ONE_LAYER:
        return Margin("signal through the hidden layers", through, WEAKEST)
    first = weak[0]  # there is one where the mean is below
    edits = {"network.init": suited_init(first)}
    for place, layer in enumerate(record.network.layers or ()):
        if layer.init is not None:
            edits[f"network.layers.{place}.init"] = suited_init(record.hidden[place])
    return Finding(
        evidence=f"weights of spread {first.spread:.3g} for {first.fan_in:,} inputs; "
        f"{through:.2g} of a suited signal comes through {len(record.hidden)} hidden layers",
        numbers={"through": through, "gain": relative_gain(first)},
        healthy=f"{RATHER_WEAK:g} or more",
        severity="warning" if through < WEAKEST else "note",
        cause=f"a unit of layer {first.number} spreads {relative_gain(first):.2g} times as "
        "much as it should",
        place=first.place,
        remedies=[Remedy(edits, "hands on the spread of what comes in")],
    )
