"""D308: a network that answers otherwise in evaluation than in training."""

from __future__ import annotations

from descend.findings.course import end_loss, scale
from descend.findings.finding import Finding, Margin, edit
from descend.findings.record import Record
from descend.findings.rule import finding

GAP = 0.2  # of the loss of chance
RATIO = 2.0


@finding("D308", "warning", leads_to=("D301", "D302"))
def evaluation_gap(record: Record) -> Finding | Margin | None:
    """On the same training examples, the loss in evaluation is far above that in training.

    What it looks at: the training loss of the last epochs, in training mode, beside the loss of the
    final weights on the training examples, in evaluation mode.
    Why it matters: in evaluation, batch normalisation uses running statistics; where these do not
    fit, a network that has learnt answers badly.
    Remedy: larger batches, more steps, a smaller rate.
    Not a fault: a loss that is lower in evaluation, as with dropout.
    Reference: Ioffe 2017, Batch Renormalization.
    """
    if not record.is_over or record.status == "diverged":
        return None
    if not any(layer.batch_norm for layer in record.layers):
        return None
    own, evaluated, unit = end_loss(record), record.metric("train/loss"), scale(record)
    gap = (evaluated - own) / unit
    if gap < GAP or evaluated < RATIO * own:
        return Margin("loss in evaluation above that in training, beside chance", gap, GAP)
    normed = next(layer for layer in record.layers if layer.batch_norm)
    return Finding(
        evidence=f"training examples: loss {own:.4g} in training, {evaluated:.4g} in evaluation",
        numbers={"training": own, "evaluation": evaluated},
        healthy=f"within {GAP:g} of chance",
        cause="the running statistics are not those of the batches",
        place=normed.place,
        confidence=0.85,
        remedies=[
            edit("training.batch_size", 128, "batches that stand for all"),
            edit("network.batch_norm", False),
        ],
    )
