"""D167: early stopping that looks at the wrong split."""

from __future__ import annotations

from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D167", "note")
def stops_by_what_it_learns(record: Record) -> Finding | None:
    """Early stopping watches the examples that are learnt, or those that are judged by.

    What it looks at: the split of `training.early_stopping.metric`, and which splits there are.
    Why it matters: the training score improves long after the network has begun to overfit; and a
    test that chooses the weights is no test of them.
    Remedy: `training.early_stopping.metric = "validation/loss"`.
    Not a fault: stopping by the validation split.
    """
    rule = record.training.early_stopping
    if rule is None or rule.metric.startswith("validation/"):
        return None
    split, _, metric = rule.metric.partition("/")
    edits = {"training.early_stopping.metric": f"validation/{metric}"}
    return Finding(
        evidence=f"early stopping by {rule.metric}",
        healthy="validation",
        cause=f"the {split} split is what is "
        + ("learnt" if split == "train" else "judged by in the end"),
        remedies=[edit(*next(iter(edits.items())), "neither learnt nor judged by")]
        if "validation" in record.profile.examples
        else [],
    )
