"""D154: a penalty on weights that costs more than the answers are worth."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.measured import known
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

STRONG = 0.1  # of the curvature that inputs of size 1 give: a tenth of the fit is given up
DEAR = 10.0  # times chance, for first weights
DECAY = 5.0  # of AdamW's own kind: weights end below 1 / decay


@finding("D154", "warning", leads_to=("D206", "D302", "D304"), is_forecast=True)
def penalty_too_strong(record: Record) -> Finding | Margin:
    """The penalty on the weights is so strong that the best the network can do is nothing.

    What it looks at: l1, l2 and weight decay as what they add to the loss, beside the curvature of
    the loss for inputs of size 1; and the price of the first weights beside the loss of chance.
    Why it matters: weights go where the price of one more equals its use. Beyond that they go to
    0, and the loss to that of the best constant.
    Remedy: `network.l2 = 0.0001`, or `training.weight_decay = 0`.
    Not a fault: l2 from 0.00001 to 0.01; AdamW's decay, which does not go through the gradient, up
    to 1.
    Reference: Krogh & Hertz 1991.
    """
    training = record.training
    decay = training.weight_decay or 0.0
    is_decoupled = training.optimizer == "adamw"
    scale = 1.0 / batch_of(record) if training.reduction == "sum" else 1.0
    through_loss = 0.0 if is_decoupled else decay / 2
    strengths = [scale * max(one.l2 + through_loss, one.l1) for one in record.layers]
    strongest = max(strengths)
    price = sum(price_of(layer, through_loss) for layer in record.layers) * scale
    worth = record.chance_loss
    is_dear = worth > 0 and price >= DEAR * worth
    is_decayed = is_decoupled and decay >= DECAY
    if strongest < STRONG and not is_dear and not is_decayed:
        return Margin("penalty beside the loss's curvature", strongest, STRONG)
    layer = record.layers[strengths.index(strongest)]
    edits: dict[str, object] = {"network.l1": 0.0, "network.l2": 0.0001}
    for place, own in enumerate(record.network.layers or ()):
        edits |= {
            f"network.layers.{place}.{name}": None
            for name in ("l1", "l2")
            if getattr(own, name) is not None
        }
    if decay:
        edits["training.weight_decay"] = 0.0
    return Finding(
        evidence=f"l1 {layer.l1:g}, l2 {layer.l2:g}, weight decay {decay:g}; the first weights "
        f"cost {price:.3g}, chance costs {worth:.3g}",
        numbers={"strength": strongest, "price": price, "chance_loss": worth},
        healthy=f"l2 below {STRONG:g}, a price below {DEAR:g} times chance",
        cause="weights cost more than their answers save",
        place=layer.place if strongest >= STRONG and not decay else None,
        remedies=[Remedy(edits, "weights may be as large as they have to be")],
    )


def price_of(layer: Layer, through_loss: float) -> float:
    """What a layer's first weights add to the loss."""
    count = layer.fan_in * layer.fan_out
    squares = count * (known(layer.spread) ** 2 + known(layer.mean) ** 2)
    return (layer.l2 + through_loss) * squares + layer.l1 * count * known(layer.spread) * 0.8


def batch_of(record: Record) -> float:
    """How many examples a batch has."""
    given = record.training.batch_size
    if record.known_loop is not None and isinstance(given, int):  # as it was seen
        return float(given)
    examples = record.profile.examples["train"]
    return float(min(given, examples) if isinstance(given, int) else examples)
