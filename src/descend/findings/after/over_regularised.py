"""D304: regularisation that keeps a network from learning."""

from __future__ import annotations

import math

from descend.findings.course import end_loss, is_stuck, keeps_up, same_steps, scale
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.record import Record
from descend.findings.rule import finding

RATIO = 0.5
GAP = 0.3  # of the loss of chance
GIVEN = ("dropout", "l1", "l2")


@finding("D304", "warning", leads_to=("D206", "D215", "D302"))
def over_regularised(record: Record) -> Finding | Margin | None:
    """Without dropout, penalties and weight decay the same network learns what it does not with.

    What it looks at: a short fork from the same first weights, on the same batches, without any of
    them: how far its training loss has come after as many steps, beside the training itself.
    Why it matters: what is to keep a network from learning by heart keeps it from learning.
    Remedy: none of it, or a tenth.
    Not a fault: a training loss that is somewhat higher, which regularisation is made for; one that
    is higher at first, while the training may still come down: until its end only what a fork at
    ten times the rate has not left either is a fault.
    """
    fork = record.fork("no regularisation")
    own = end_loss(record) if record.is_over else same_steps(record, fork)
    own = min(own, record.metrics.get("train/loss", math.inf))
    unit = scale(record)
    gap = own - fork.end
    is_better = fork.end < RATIO * own and gap > GAP * unit
    if not is_better or not (record.is_over or is_stuck(record)) or keeps_up(record):
        return Margin("what no regularisation gains, beside chance", gap / unit, GAP)
    edits = _without(record)
    return Finding(
        evidence=f"training loss {own:.4g}; without {', '.join(_names(edits))} {fork.end:.4g} "
        f"after {int(fork.steps[-1]) + 1:,} steps",
        numbers={"loss": own, "relaxed_loss": fork.end},
        healthy=f"within {GAP:g} of chance",
        cause=f"{', '.join(_names(edits))} held it back",
        confidence=0.9,
        remedies=[Remedy(edits, "none of it")],
    )


def _without(record: Record) -> dict[str, float]:
    """The edits that take the regularisation away."""
    edits = {f"network.{name}": 0.0 for name in GIVEN if getattr(record.network, name)}
    if record.training.weight_decay:
        edits["training.weight_decay"] = 0.0
    for place, layer in enumerate(record.network.layers or ()):
        edits |= {f"network.layers.{place}.{name}": 0.0 for name in GIVEN if getattr(layer, name)}
    return edits


def _names(edits: dict[str, float]) -> list[str]:
    return sorted({field.rpartition(".")[2] for field in edits})
