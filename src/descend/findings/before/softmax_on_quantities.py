"""D115: a softmax on the outputs of a regression."""

from __future__ import annotations

import numpy as np

from descend.findings.finding import Finding, edit
from descend.findings.heads import OF_NUMBERS, asked_outputs
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

ROUNDING = 1e-3


@finding("D115", "error", leads_to=("D106", "D116", "D206", "D211"))
def softmax_on_quantities(record: Record) -> Finding | None:
    """The outputs share out 1 among them, and the targets are quantities that do not.

    What it looks at: the last activation and the sums of the targets.
    Why it matters: outputs between 0 and 1 whose sum is 1 cannot be three independent numbers.
    Remedy: `network.output = "identity"`.
    Not a fault: targets that are shares of a whole, with the sum 1 in every row.
    """
    output = record.output
    is_shared = output.activation in ("softmax", "log_softmax")
    if record.profile.task not in OF_NUMBERS or not is_shared or asked_outputs(record) == 1:
        return None
    targets = known(record.profile.first_targets)
    are_shares = (targets >= 0).all() and np.abs(targets.sum(axis=1) - 1).max() < ROUNDING
    if are_shares and output.activation == "softmax":
        return None
    sums = targets.sum(axis=1)
    return Finding(
        evidence=f"{output.activation} over {asked_outputs(record)} outputs; the targets' sums "
        f"reach from {sums.min():.3g} to {sums.max():.3g}",
        healthy="identity for quantities",
        cause=f"{output.activation} ties the outputs to each other, and the targets are not tied",
        place=output.place,
        remedies=[edit("network.output", "identity", "any number for any output")],
    )
