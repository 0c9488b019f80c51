"""D131: inputs that are next to nothing."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, edit
from descend.findings.record import Record
from descend.findings.rule import finding

TINY = 0.05  # range of the widest feature


@finding(
    "D131",
    "warning",
    leads_to=("D102", "D151", "D201", "D206", "D207", "D209", "D161"),
    is_forecast=True,
)
def inputs_too_small(record: Record) -> Finding | Margin | None:
    """All features are tiny, as if they had been scaled twice.

    What it looks at: the range of each feature as the network sees it.
    Why it matters: pixels divided by 255 twice reach from 0 to 0.004: what a layer makes of them is
    its biases, and the gradients of its weights are as small.
    Remedy: `data.scale = "standard"`.
    Not a fault: some features that are small beside others; inputs whose first layer normalises
    over the batch.
    """
    if record.layers and record.layers[0].batch_norm == "before":
        return None
    columns = record.profile.inputs["train"]
    widest = float((columns.most - columns.least).max())
    if widest == 0 or widest >= TINY:
        return Margin("range of the widest feature", widest, TINY)
    return Finding(
        evidence=f"no feature has a range above {widest:.2g}",
        numbers={"range": widest, "size": columns.size},
        healthy="features that differ by about 1",
        cause="the inputs were scaled once too often, or are in too large a unit",
        remedies=[edit("data.scale", "standard", "each feature has mean 0 and spread 1")],
    )
