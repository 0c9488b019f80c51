"""D222: steps that find no gradient."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, write
from descend.findings.measured import known
from descend.findings.record import Record
from descend.findings.rule import finding

SHARE = 0.5  # of the steps


@finding("D222", "error", leads_to=("D209", "D211"))
def step_without_gradient(record: Record) -> Finding | Margin | None:
    """The optimizer steps, and none of its parameters has a gradient.

    What it looks at: the gradients of all parameters when a step is taken.
    Why it matters: such a step changes nothing.
    Remedy: `optimizer.zero_grad()` before `loss.backward()` and not after it; a loss that depends
    on the parameters that the optimizer has.
    Not a fault: steps that a gradient scaler leaves out now and then; one of several optimizers
    that waits for its turn.
    """
    empty = known(record.loop.empty)
    if not record.loop.backwards:
        return None
    if empty < SHARE:
        return Margin("share of steps without a gradient", empty, SHARE)
    return Finding(
        evidence=f"{empty:.0%} of {record.loop.steps:,} steps found no gradient",
        numbers={"empty": empty},
        healthy="a gradient at each step",
        cause="the gradient is set to zero between the backward pass and the step, or goes to "
        "other parameters than the optimizer's",
        since=0,
        remedies=[
            write("optimizer.zero_grad() before loss.backward(), not behind it"),
            write("torch.optim.SGD(model.parameters(), …) of the model that is trained"),
        ],
    )
