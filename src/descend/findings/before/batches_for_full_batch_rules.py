"""D168: an optimizer that needs all examples in each step."""

from __future__ import annotations

from descend.findings.before.penalty_too_strong import batch_of
from descend.findings.finding import Finding, edit
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.recipe.defaults import FULL_BATCH


@finding("D168", "warning", leads_to=("D202", "D210", "D212", "D213"), is_forecast=True)
def batches_for_full_batch_rules(record: Record) -> Finding | None:
    """The optimizer compares the gradients of consecutive steps, and each step has other examples.

    What it looks at: the optimizer and the batch size.
    Why it matters: Rprop looks at a gradient's change of sign and L-BFGS at its change of size.
    Between two batches both are noise.
    Remedy: `training.batch_size = "all"`, or Adam.
    Not a fault: these rules on full batches.
    Reference: Riedmiller & Braun 1993; Liu & Nocedal 1989.
    """
    training, examples = record.training, record.profile.examples["train"]
    batch = batch_of(record)
    if training.optimizer not in FULL_BATCH or batch >= examples:
        return None
    return Finding(
        evidence=f"{training.optimizer} with batches of {batch:.0f} of {examples:,} examples",
        numbers={"batch": batch, "examples": float(examples)},
        healthy="all examples in each step",
        cause=f"{training.optimizer} takes the change of batch for a change of gradient",
        remedies=[
            edit("training.batch_size", "all", "one gradient from step to step"),
            edit("training.optimizer", "adam", "made for batches"),
        ],
    )
