"""D233: outputs and targets of different shapes, each compared with all of the others."""

from __future__ import annotations

import math

import numpy as np

from descend.findings.finding import Finding, write
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D233", "error", leads_to=("D106", "D202", "D302"))
def target_broadcast(record: Record) -> Finding | None:
    """The loss compares each output with the targets of all examples of the batch.

    What it looks at: the shapes of outputs and targets at the first call of the loss.
    Why it matters: (n, 1) against (n,) makes n × n differences, and the best answer to them is the
    mean of the targets for every example.
    Remedy: `target.unsqueeze(1)`, or `output.squeeze(1)`.
    Not a fault: one target for all outputs, which takes no more differences than there are outputs.
    """
    output, target = known(record.loop.output_shape), known(record.loop.target_shape)
    try:
        compared = np.broadcast_shapes(output, target)
    except ValueError:
        return None
    if math.prod(compared) <= math.prod(output):
        return None
    return Finding(
        evidence=f"outputs {output}, targets {target}: compared as {tuple(compared)}",
        numbers={"compared": float(math.prod(compared)), "outputs": float(math.prod(output))},
        healthy="targets of the outputs' shape",
        cause="the two shapes are broadcast against each other",
        place=record.output.place if record.layers else None,
        since=0,
        remedies=[write("target.unsqueeze(1) or output.squeeze(1) before the loss")],
    )
