"""D166: gradients of weights summed, those of biases averaged."""

from __future__ import annotations

from descend.findings.before.penalty_too_strong import batch_of
from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D166", "warning", leads_to=("D160", "D208"))
def unequal_reduction(record: Record) -> Finding | None:
    """The gradients of the weights are sums over the batch, those of the biases means.

    What it looks at: `training.reduction`.
    Why it matters: weights step as many times as far as a batch has examples: that is the gradient
    of no loss, and the loss does not show it.
    Remedy: `training.reduction = "mean"`.
    Not a fault: two rates, one for weights and one for biases, that somebody chose.
    """
    batch = batch_of(record)
    if record.training.reduction != "sum_weights" or batch == 1:
        return None
    return Finding(
        evidence=f"reduction sum_weights with batches of {batch:.0f}",
        numbers={"factor": batch},
        healthy="one reduction for all parameters",
        cause=f"weights step {batch:.0f} times as far as biases",
        remedies=[edit("training.reduction", "mean", "the gradient of the mean loss")],
    )
