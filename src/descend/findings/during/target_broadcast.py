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
    """The loss compares outputs with targets that are not theirs.

    What it looks at: the shapes of outputs and targets at the first call of the loss; of a
    cross-entropy that is written out, also whether it multiplies by class numbers.
    Why it matters: (n, 1) against (n,) makes n × n differences, and the best answer to them is the
    mean of the targets for every example. Class numbers of shape (n, 1) in place of one-hot rows
    are multiplied with the logarithms of all outputs: the best answer gives all the same.
    Remedy: `target.unsqueeze(1)`, or `output.squeeze(1)`; for class numbers, `CrossEntropyLoss`.
    Not a fault: one target for all outputs, which takes no more differences than there are outputs.
    """
    output, target = known(record.loop.output_shape), known(record.loop.target_shape)
    if record.loop.label_factors is not None:
        return _of_class_numbers(record, *record.loop.label_factors)
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


def _of_class_numbers(record: Record, least: float, most: float) -> Finding:
    """Labels that stand where one-hot rows should."""
    output, target = known(record.loop.output_shape), known(record.loop.target_shape)
    classes = output[-1]
    return Finding(
        evidence=f"class numbers from {least:g} to {most:g} of shape {target} are multiplied with "
        f"the logarithms of outputs of shape {output}",
        numbers={"least": least, "most": most, "outputs": float(classes)},
        healthy=f"one-hot rows of shape {output}, or a loss that takes class numbers",
        cause=f"each class number is broadcast over all {classes} outputs of its example, and says "
        "of none that it is the right one",
        place=record.output.place if record.layers else None,
        since=0,
        remedies=[
            write("torch.nn.CrossEntropyLoss() of outputs without softmax, and class numbers"),
            write(f"torch.nn.functional.one_hot(target.squeeze(-1).long(), {classes})"),
        ],
    )
