"""D221: steps that are taken before the gradient is there."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Severity, write
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

SHARE = 0.9  # of the steps
NOTHING = 0.5  # of the steps


@finding("D221", "warning", leads_to=("D220", "D222", "D211"))
def step_before_backward(record: Record) -> Finding | Margin:
    """The optimizer steps after the forward pass and before its backward pass.

    What it looks at: the order in which forward pass, backward pass and step come.
    Why it matters: the step uses the gradient of the batch before; where that was set to zero in
    between, it uses none, and nothing is learnt.
    Remedy: `loss.backward()` before `optimizer.step()`.
    Not a fault: a second forward pass between the two now and then.
    """
    early = known(record.loop.early)
    if early < SHARE:
        return Margin("share of steps before their backward pass", early, SHARE)
    empty = record.loop.empty
    is_vain = empty is not None and empty > NOTHING
    severity: Severity = "error" if is_vain else "warning"
    return Finding(
        evidence=f"{early:.0%} of the steps came between a forward pass and its backward pass",
        numbers={"early": early, **({} if empty is None else {"empty": empty})},
        healthy="forward pass, backward pass, step",
        cause="optimizer.step() stands before loss.backward()"
        + (", and finds no gradient" if is_vain else ", and uses the gradient of the batch before"),
        severity=severity,
        since=0,
        remedies=[write("loss.backward() before optimizer.step()", "the gradient of this batch")],
    )
