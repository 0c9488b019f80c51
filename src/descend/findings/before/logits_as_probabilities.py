"""D111: a loss that wants probabilities, and outputs that are none."""

from __future__ import annotations

from descend.findings.finding import Finding, Remedy
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding

GIVE = {
    "bce": ("sigmoid", "softmax"),
    "cross_entropy": ("softmax", "sigmoid"),
    "poisson": ("softplus", "exp", "relu", "sigmoid", "softmax"),
}  # activations whose outputs a loss on probabilities (or on rates) can take


@finding("D111", "error", leads_to=("D106", "D203", "D211", "D212", "D236"))
def logits_as_probabilities(record: Record) -> Finding | None:
    """The loss takes the outputs for probabilities, and they can be any number.

    What it looks at: the last activation, the loss, and what the loss takes the outputs for.
    Why it matters: the logarithm of a number below 0 does not exist, and one above 1 is rewarded
    without end: the loss is NaN, or falls for ever while the answers are no better than a guess.
    Remedy: `training.loss_on = "logits"`; before NLL, `network.output = "log_softmax"`.
    Not a fault: `softplus`, `exp` or `relu` as the rate of a Poisson loss.
    """
    training, output = record.training, record.output
    if not output.activation:  # one that no rule knows
        raise NotMeasured
    if training.loss == "nll":
        if output.activation == "log_softmax":
            return None
        wanted = "log-probabilities"
        remedy = Remedy({"network.output": "log_softmax"}, "gives what NLL is for")
    else:
        is_on_logits = training.loss_on != "probabilities"
        gives = GIVE.get(training.loss, (output.activation,))
        if is_on_logits or output.activation in gives or output.activation == "relu":
            return None
        wanted = "rates" if training.loss == "poisson" else "probabilities"
        edits = {"training.loss_on": "logits", "network.output": "identity"}
        remedy = Remedy(edits, "the loss makes probabilities of logits itself")
    return Finding(
        evidence=f"output {output.activation}, loss {training.loss} on {wanted}",
        healthy=f"outputs that are {wanted}",
        cause=f"{training.loss} needs {wanted}, and {output.activation} gives other numbers",
        place=output.place,
        remedies=[remedy],
    )
