"""D103: an initialiser whose gain does not suit the activation, many layers deep."""

from __future__ import annotations

from descend.findings.before.init_too_small import ONE_LAYER
from descend.findings.beginnings import (
    drawn,
    hidden_gain,
    is_normalised,
    mean_gain,
    relative_gain,
    suited_init,
)
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

WEAKEST, STRONGEST = 1e-3, 1e3  # of what suited weights would hand on


@finding(
    "D103",
    "warning",
    leads_to=(
        *("D106", "D151", "D160", "D201", "D202", "D204", "D206", "D207", "D209", "D210", "D212"),
        *("D215", "D301"),
    ),
    is_forecast=True,
)
def init_gain_mismatch(record: Record) -> Finding | Margin | None:
    """Each layer's weights are a little too small or too large, and depth makes it very much.

    What it looks at: the product over the hidden layers of σ √fan_in, each beside what suits its
    activation, and by how much the last hidden layer's units really differ between examples.
    Why it matters: a factor of 0.7 a layer is 0.001 after twenty: the examples look all alike to
    the last layer. A factor above 1 grows as fast.
    Remedy: He for ReLU and its like, Xavier for tanh and sigmoid, LeCun for SELU.
    Not a fault: the same initialiser in a network of a few layers, and under batch normalisation.
    Reference: He et al. 2015; Klambauer et al. 2017.
    """
    hidden = [layer for layer in drawn(record).hidden if not is_normalised(layer)]
    if len(hidden) < 2 or mean_gain(record) < ONE_LAYER:
        return None
    through = hidden_gain(record)
    if WEAKEST < through < STRONGEST:
        return Margin("signal through the hidden layers", through, WEAKEST)
    worst = (min if through < 1 else max)(hidden, key=relative_gain)
    edits = {"network.init": suited_init(worst)}
    for place, layer in enumerate(record.network.layers or ()):
        if layer.init is not None:
            edits[f"network.layers.{place}.init"] = suited_init(record.hidden[place])
    return Finding(
        evidence=f"{through:.2g} of a suited signal comes through {len(record.hidden)} hidden "
        f"layers; examples differ by {known(record.hidden[-1].signal):.2g} in the last of them",
        numbers={"through": through, "signal": known(record.hidden[-1].signal)},
        healthy=f"from {WEAKEST:g} to {STRONGEST:g}",
        cause=f"{worst.init} has the gain {relative_gain(worst):.2g} of what {worst.activation} "
        "needs, in every layer",
        place=hidden[0].place,
        remedies=[Remedy(edits, f"suits {worst.activation}")],
    )
