"""D211: layers whose weights never move."""

from __future__ import annotations

from descend.findings.finding import Finding, edit
from descend.findings.modules import is_frozen, moved_between
from descend.findings.record import Layer, Record
from descend.findings.rule import finding

FEWEST = 3  # samples


@finding("D211", "error", leads_to=("D201", "D215", "D303"))
def no_update(record: Record) -> list[Finding]:
    """A layer's weights are the same after every step.

    What it looks at: the update ratio of each layer at every sampled step, and whether the layer
    has a gradient.
    Why it matters: what does not move does not learn.
    Remedy: a rate above 0; for other loops, parameters that the optimizer knows, an output that is
    not detached, and `optimizer.step()`.
    Not a fault: a rate so low that steps are lost in rounding, which is another finding; a layer
    that is frozen on purpose.
    """
    if len(record.steps) < FEWEST or record.status == "diverged":
        return []
    asked = [layer for layer in record.layers if not is_frozen(record, layer)]
    still = [layer for layer in asked if not record.series("update_ratio", layer).any()]
    still = [layer for layer in still if not moved_between(record, layer)]
    if not still:
        return []
    has_slope = [bool(record.series("gradient_norm", layer).any()) for layer in still]
    lr = record.training.lr
    if lr and len(still) == len(record.layers) and all(has_slope):
        return []
    if lr == 0:
        return [
            Finding(
                evidence="lr 0",
                healthy="a rate above 0",
                cause="each step has the length 0",
                since=0,
                remedies=[edit("training.lr", 0.01), edit("training.lr", 0.001)],
            )
        ]
    if len(still) == len(record.layers):
        return [
            Finding(
                evidence="no layer has a gradient at any step",
                healthy="gradients above 0",
                cause="the loss does not depend on the weights",
                place=record.output.place,
                since=0,
            )
        ]
    return [_of(layer, slope) for layer, slope in zip(still, has_slope, strict=True)]


def _of(layer: Layer, has_slope: bool) -> Finding:
    return Finding(
        evidence="every update is 0" + ("" if has_slope else ", and so is every gradient"),
        healthy="updates of some 0.001 of the weights",
        cause="the optimizer does not move it" if has_slope else "no gradient reaches it",
        place=layer.place,
        since=0,
    )
