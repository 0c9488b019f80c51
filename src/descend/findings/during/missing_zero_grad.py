"""D220: gradients of earlier steps, added to those of this one."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, write
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

SHARE = 0.9  # of the backward passes
SIZE = 0.01  # beside what the backward pass adds


@finding(
    "D220",
    "error",
    leads_to=(
        *("D202", "D203", "D204", "D205", "D208", "D209", "D210", "D211", "D215", "D236", "D303"),
    ),
)
def missing_zero_grad(record: Record) -> Finding | Margin:
    """Each step goes along the sum of all gradients so far, for nothing sets them to zero.

    What it looks at: the gradient that is there before a backward pass: whether a step of the
    optimizer has used it already, and how large it is beside what the pass adds.
    Why it matters: the sum grows from step to step, and goes on pointing to where the slope was: a
    momentum that nothing brakes.
    Remedy: `optimizer.zero_grad()` before `loss.backward()`.
    Not a fault: gradients of several batches that are added up before a step, as accumulation does;
    a gradient that the step of another optimizer leaves behind now and then, as in adversarial
    training.
    Reference: TrainCheck (OSDI 2025).
    """
    stale = known(record.loop.stale)
    size = record.loop.stale_size
    if stale < SHARE or (size is not None and size < SIZE):
        return Margin("share of backward passes added to a used gradient", stale, SHARE)
    left = "" if size is None else f"; what was there was {size:.2g} times what was added"
    return Finding(
        evidence=f"{stale:.0%} of the backward passes were added to a gradient that an earlier "
        f"step had used{left}",
        numbers={"stale": stale, **({} if size is None else {"size": size})},
        healthy="no gradient, or one that no step has used, before a backward pass",
        cause="nothing sets the gradient to zero between two steps",
        since=1,
        remedies=[
            write("optimizer.zero_grad() before loss.backward()", "one gradient for one step")
        ],
    )
