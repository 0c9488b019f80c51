"""D223: gradients that no step uses."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, write
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

FEWEST = 100  # backward passes, of a loop that goes on: so many batches make no step together


@finding("D223", "error", leads_to=("D220", "D225", "D211"))
def missing_step(record: Record) -> Finding | None:
    """There are backward passes, and no step of an optimizer follows.

    What it looks at: how many backward passes and steps there were, and whether the weights moved.
    Why it matters: the weights stay as they were drawn.
    Remedy: `optimizer.step()` after `loss.backward()`, of an optimizer that has the parameters of
    this model.
    Not a fault: gradients of many batches for one step; weights that are changed by hand.
    """
    loop = record.loop
    if loop.steps or not loop.backwards or (loop.backwards < FEWEST and not record.is_over):
        return None
    if _move(record):
        return None
    has_none = loop.optimizers == 0
    return Finding(
        evidence=f"{loop.backwards:,} backward passes, 0 steps"
        + (", no optimizer of these parameters" if has_none else ""),
        numbers={"backwards": float(loop.backwards), "steps": 0.0},
        healthy="a step for each backward pass, or for some of them",
        cause="no optimizer that steps has the parameters of this model"
        if has_none
        else "optimizer.step() is never called",
        since=0,
        remedies=[
            write("torch.optim.SGD(model.parameters(), …) of the model that is trained")
            if has_none
            else write("optimizer.step() after loss.backward()", "moves the weights")
        ],
    )


def _move(record: Record) -> bool:
    """Whether any weights changed; raises NotMeasured where they were not looked at twice."""
    norms = record.quantities.get("weight_norm")
    if norms is None or len(norms) < 2:
        raise NotMeasured
    known = norms[:, ~np.isnan(norms).any(axis=0)]
    return bool((known != known[0]).any())
