"""D117: ReLU after the last layer."""

from __future__ import annotations

from descend.findings.finding import Finding, Severity
from descend.findings.heads import OF_NUMBERS, unreachable_share, usual_head
from descend.findings.record import Record
from descend.findings.rule import finding

FEW = 0.01  # of the targets: fewer are outliers
DEAD = 0.99  # share of zeros from the first step on: hardly a gradient is left


@finding("D117", "error", leads_to=("D106", "D116", "D201", "D203", "D204", "D206", "D211", "D236"))
def relu_on_output(record: Record) -> Finding | None:
    """The last layer ends in ReLU, which cannot say no.

    What it looks at: the last activation, the loss, the targets, and how many outputs are 0 before
    any update.
    Why it matters: a logit of 0 is a half, so no class can be refused; as a probability 0 has no
    logarithm; a negative number is out of reach. And where an output is 0 it gets no gradient.
    Remedy: `network.output = "identity"`.
    Not a fault: it is a note only where all targets are 0 or more and outputs live; softplus says
    the same and cannot die. Nor is it one as the rate of a Poisson loss.
    """
    output, training, profile = record.output, record.training, record.profile
    if output.activation != "relu" or training.loss == "poisson":
        return None
    severity: Severity = "error"
    if profile.task in OF_NUMBERS:
        share = unreachable_share(record, "relu")
        zeros = record.first("zero_share", output)
        if share < FEW and zeros < DEAD:
            severity = "note"
        evidence = f"{share:.0%} of the targets are below 0, {zeros:.0%} of the first outputs are 0"
        numbers = {"unreachable_share": share, "zero_share": zeros}
    else:
        if training.loss in ("mse", "l1", "huber"):
            severity = "warning"
        evidence, numbers = f"ReLU before {training.loss} on {training.loss_on}", {}
    return Finding(
        evidence=evidence,
        numbers=numbers,
        healthy="identity after the last layer",
        cause="ReLU cuts off all that is below 0, and its gradient with it",
        severity=severity,
        place=output.place,
        remedies=[usual_head(profile, "outputs on both sides of 0")],
    )
