"""D224: forward passes without a backward pass."""

from __future__ import annotations

from descend.findings.finding import Finding, write
from descend.findings.record import Record
from descend.findings.rule import finding

FEWEST = 10  # forward passes


@finding("D224", "error", leads_to=("D222", "D211"))
def missing_backward(record: Record) -> Finding | None:
    """The model is asked in training, and no backward pass ever follows.

    What it looks at: how many forward passes in training there were, how many backward passes and
    how many steps.
    Why it matters: without a backward pass there is no gradient, and without a gradient a step
    changes nothing.
    Remedy: `loss.backward()` of a loss that was computed from the model's outputs.
    Not a fault: a model that is only asked: `model.eval()` and `torch.no_grad()` say so. Without
    steps it is a note.
    """
    loop = record.loop
    if loop.backwards or loop.passes < FEWEST:
        return None
    return Finding(
        evidence=f"{loop.passes:,} forward passes in training, 0 backward passes, "
        f"{loop.steps:,} steps",
        numbers={"passes": float(loop.passes), "steps": float(loop.steps)},
        healthy="a backward pass for each forward pass",
        cause="loss.backward() is never called, or not on what this model gave",
        severity=None if loop.steps else "note",
        since=0,
        remedies=[write("loss.backward() before optimizer.step()", "makes the gradient")],
    )
