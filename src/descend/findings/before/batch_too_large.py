"""D163: batches so large that few steps are left."""

from __future__ import annotations

from descend.findings.before.penalty_too_strong import batch_of
from descend.findings.finding import Finding, Margin, Remedy
from descend.findings.lines import counted
from descend.findings.record import Record
from descend.findings.rule import finding

FEW = 200  # steps
LARGE = 256  # examples: smaller batches leave too few steps only where epochs are too few
TIMES = 10  # as many steps with batches of 32


@finding("D163", "warning", leads_to=("D162", "D207", "D303"), is_forecast=True)
def batch_too_large(record: Record) -> Finding | Margin | None:
    """So many examples are in a batch that the training has next to no steps.

    What it looks at: the batch size, the number of examples and the planned steps.
    Why it matters: a step is a step, of 32 examples or of 10,000: what large batches save in noise
    they cost in steps.
    Remedy: `training.batch_size = 32`.
    Not a fault: full batches for L-BFGS and Rprop, or with thousands of steps. A batch size above
    the number of examples is the full batch, and a note.
    Reference: Masters & Luschi 2018, "Revisiting small batch training".
    """
    training, examples = record.training, record.profile.examples["train"]
    batch, given = batch_of(record), training.batch_size
    steps = record.planned_steps
    if training.optimizer in ("lbfgs", "rprop") or not steps:
        return None
    is_few = batch >= LARGE and steps < FEW and batch / 32 >= TIMES
    is_beyond = isinstance(given, int) and given > examples
    if not is_few and not is_beyond:
        return Margin("planned steps", steps, FEW)
    return Finding(
        evidence=f"batches of {given} of {examples:,} examples, {steps:,} steps",
        numbers={"batch": batch, "steps": float(steps), "examples": float(examples)},
        healthy=f"{FEW} steps or more",
        cause=f"{counted(record.steps_per_epoch, 'step')} an epoch is all that there is",
        severity="warning" if is_few else "note",
        confidence=0.7,
        remedies=[Remedy({"training.batch_size": min(32, examples)}, "more steps in each epoch")],
    )
