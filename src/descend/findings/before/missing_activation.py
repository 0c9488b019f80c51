"""D120: hidden layers without an activation."""

from __future__ import annotations

from itertools import pairwise

from descend.findings.before.underpowered_model import needs_more_than_lines
from descend.findings.finding import Finding, Remedy, Severity
from descend.findings.fits import fits_of, no_line_separates
from descend.findings.measured import NotMeasured
from descend.findings.record import Layer, Record
from descend.findings.rule import finding


@finding("D120", "warning", leads_to=("D152", "D206", "D302"))
def missing_activation(record: Record) -> Finding | None:
    """Hidden layers follow each other without anything between them that bends.

    What it looks at: the activations of the hidden layers, and how much better the neighbours of
    an example know its answer than a linear model does.
    Why it matters: two linear maps in a row are one linear map: the layer adds weights and cost,
    and nothing that one layer could not do.
    Remedy: `network.activation = "relu"`.
    Not a fault: a narrow linear layer between wide ones, as in autoencoders. Where a linear model
    fits the data as well, or where other layers do bend, this is a note.
    """
    idle = [layer for layer, after in pairwise(record.layers) if is_idle(layer, after)]
    if not idle:
        return None
    is_all = all(layer.activation == "identity" for layer in record.hidden)
    severity: Severity = "error" if is_all and _needs_more(record) else "note"
    edits = {"network.activation": "relu", "network.init": "he_normal"}
    for place, own in enumerate(record.network.layers or ()):
        if own.activation == "identity":
            edits[f"network.layers.{place}.activation"] = "relu"
    return Finding(
        evidence=f"{len(idle)} of {len(record.hidden)} hidden layers have no activation",
        numbers={"layers": float(len(idle))},
        healthy="an activation after each hidden layer",
        cause="linear maps in a row are one linear map",
        severity=severity,
        place=idle[0].place,
        remedies=[Remedy(edits, "the layers bend")],
    )


def is_idle(layer: Layer, after: Layer) -> bool:
    """Whether a hidden layer is linear, and not on purpose a narrow one."""
    return layer.activation == "identity" and layer.fan_out >= min(layer.fan_in, after.fan_out)


def _needs_more(record: Record) -> bool:
    profile = record.profile
    try:
        if profile.task == "binary" and len(profile.first) < 33:
            return no_line_separates(profile)
        return needs_more_than_lines(fits_of(profile), profile.task)
    except NotMeasured:
        return False
