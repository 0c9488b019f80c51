"""D155: normalising over a batch of one."""

from __future__ import annotations

from descend.findings.before.penalty_too_strong import batch_of
from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding

FEW = 4  # examples: the statistics of fewer are mostly noise


@finding("D155", "warning", leads_to=("D206", "D211", "D213"), is_forecast=True)
def batch_norm_of_one(record: Record) -> Finding | None:
    """Batch normalisation has too few examples to normalise over.

    What it looks at: the batch size where a layer has batch normalisation.
    Why it matters: one example is its own mean: what is normalised is 0 whatever comes in. Mean and
    spread of two or three are noise, and evaluation uses others.
    Remedy: `training.batch_size = 32`.
    Not a fault: a last batch that is smaller than the others, unless it holds a single example
    over and over.
    Reference: Ioffe & Szegedy 2015.
    """
    layers = [layer for layer in record.layers if layer.batch_norm]
    batch, examples = batch_of(record), record.profile.examples["train"]
    if not layers or batch >= FEW or record.profile.task == "pixels":
        return None
    return Finding(
        evidence=f"batches of {batch:.0f}",
        numbers={"batch": batch},
        healthy=f"{FEW} examples or more",
        cause="what is normalised over one example is 0"
        if batch == 1
        else "mean and spread of so few examples are noise",
        severity="error" if batch == 1 else "warning",
        place=layers[0].place,
        remedies=[
            edit("training.batch_size", min(32, examples), "statistics of more examples"),
            edit("network.batch_norm", False, "nothing to normalise over"),
        ],
    )
