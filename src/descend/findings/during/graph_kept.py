"""D232: graphs that outlive their step."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, write
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

SHARE = 0.5  # of the graphs
FEWEST = 3  # graphs


@finding("D232", "warning")
def graph_kept(record: Record) -> Finding | Margin | None:
    """Graphs of earlier steps are still alive, each with all activations of its batch.

    What it looks at: whether the graph of a forward pass is still held three steps later.
    Why it matters: memory grows with each step until there is none left, and a loss that sums up
    earlier ones goes back through all of them.
    Remedy: `loss.item()` where a loss is kept or summed, `state.detach()` where a state is handed
    on.
    Not a fault: a graph that lives as long as its step.
    """
    alive, of = known(record.loop.kept_graphs)
    if of < FEWEST:
        return None
    if alive < SHARE * of:
        return Margin("share of graphs alive three steps later", alive / of, SHARE)
    return Finding(
        evidence=f"{alive} of {of} graphs alive three steps later",
        numbers={"alive": float(alive), "of": float(of)},
        healthy="none",
        cause="the loop keeps losses, outputs or states with their graphs",
        confidence=0.9,
        remedies=[
            write("total += loss.item() in place of total += loss", "keeps the number alone"),
            write("state = state.detach() before it is handed on"),
        ],
    )
