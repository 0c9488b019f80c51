"""D203: numbers that are none, at the first place where they arose."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, Place, edit, write
from descend.findings.measured import NotMeasured
from descend.findings.record import Layer, Record
from descend.findings.rule import finding


@finding("D203", "error", leads_to=("D204", "D211", "D212"))
def not_a_number(record: Record) -> Finding | None:
    """The loss is infinite or not a number.

    What it looks at: the step at which the loss ceased to be finite: whether the weights were
    finite before it, in a watched loop then what the network was given, then each layer's
    activations from the first to the last, then the loss. The first that is not finite is where it
    arose; all behind it only pass it on.
    Why it matters: nothing is learnt any more, and the weights are lost.
    Remedy: a smaller rate; scaled inputs; an activation that does not overflow, as exp does; a loss
    on logits in place of the logarithm of a probability; examples without NaN.
    Not a fault: nothing that looks like this is none.
    """
    if record.status != "diverged":
        return None
    step = int(record.steps[-1]) if len(record.steps) else None
    what, place, cause = _origin(record)
    lr = record.training.lr or 0.0
    slower = [edit("training.lr", lr / 10, "shorter steps"), edit("training.clip_norm", 1.0)]
    clean = [write("examples without NaN and infinite numbers: x[x.isfinite().all(dim=1)]")]
    return Finding(
        evidence=f"{what} not finite" + ("" if step is None else f" at step {step}"),
        healthy="finite numbers throughout",
        cause=cause,
        place=place,
        since=step,
        remedies=clean if what == "inputs" else slower,
    )


def _origin(record: Record) -> tuple[str, Place | None, str]:
    for layer in reversed(record.layers):  # a gradient goes from the last layer to the first
        if not np.isfinite(_last(record, "weight_norm", layer)):
            return "weights", layer.place, "the step before gave the weights no numbers"
    if record.known_loop is not None and record.known_loop.has_lost_inputs:
        place = record.layers[0].place if record.layers else None
        return "inputs", place, "the examples themselves hold what is no number"
    for layer in record.layers:
        if _is_lost(record, _last(record, "activation_mean", layer)):
            cause = f"{layer.activation} of layer {layer.number} gives more than a number can hold"
            return "activations", layer.place, cause
    return "loss", record.output.place, "the loss of these outputs is no number"


def _is_lost(record: Record, mean: float) -> bool:
    """Whether a mean is no number; in a watched loop, NaN says that it was not measured."""
    return not np.isfinite(mean) and (record.known_loop is None or np.isinf(mean))


def _last(record: Record, quantity: str, layer: Layer) -> float:
    table = record.quantities.get(quantity)
    if table is None or not len(table):
        raise NotMeasured
    return float(table[-1, layer.number - 1])
