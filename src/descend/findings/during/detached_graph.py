"""D227: layers that no gradient can reach."""

from __future__ import annotations

from collections.abc import Sequence

from descend.findings.finding import Finding, Place, write
from descend.findings.modules import layers_with, owner, place_of, told
from descend.findings.record import Layer, Record
from descend.findings.rule import finding


@finding("D227", "error", leads_to=("D201", "D207", "D209", "D211", "D215", "D222"))
def detached_graph(record: Record) -> Finding | None:
    """The graph is cut behind a layer: what lies below it never gets a gradient.

    What it looks at: parameters that ask for a gradient and never got one, though their layer was
    called; and whether layers that were called later got one.
    Why it matters: the layers below the cut stay as they were drawn.
    Remedy: no `detach()`, `.data`, `.item()`, `.numpy()` or `torch.no_grad()` on the way from the
    first layer to the loss.
    Not a fault: outputs that the loss leaves out on purpose, as the heads of other tasks: where the
    layers in front of them do get gradients, it is a note.
    """
    unreached = list(record.loop.unreached)
    if not unreached:
        return None
    below = _below_the_cut(record.layers, layers_with(record, unreached))
    is_branch = bool(record.layers) and not below
    return Finding(
        evidence=f"{len(unreached):,} parameters never got a gradient: {told(unreached)}",
        numbers={"unreached": float(len(unreached))},
        healthy="a gradient for every parameter that asks for one",
        cause="the loss does not use what they give"
        if is_branch
        else "the graph is cut between them and the loss",
        severity="note" if is_branch else None,
        place=below[-1].place if below else _place(record, unreached),
        since=0,
        remedies=[write(_words(below), "lets the gradient through")],
    )


def _below_the_cut(layers: Sequence[Layer], unreached: Sequence[Layer]) -> list[Layer]:
    """The first layers, as far as all of them are unreached."""
    missing = {layer.number for layer in unreached}
    below = []
    for layer in layers:
        if layer.number not in missing:
            break
        below.append(layer)
    return below


def _place(record: Record, unreached: Sequence[str]) -> Place | None:
    return place_of(record, unreached) if owner(unreached[0]) else None


def _words(below: Sequence[Layer]) -> str:
    behind = f" behind {below[-1].name}" if below and below[-1].name else ""
    return f"no detach(), .data, .item() or torch.no_grad(){behind} on the way to the loss"
