"""D225: parameters that get a gradient and that no optimizer has."""

from __future__ import annotations

from descend.findings.finding import Finding, write
from descend.findings.modules import layers_with, place_of, told
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D225", "warning", leads_to=("D207", "D209", "D211"))
def outside_the_optimizer(record: Record) -> Finding | None:
    """Parameters get a gradient at each backward pass, and no optimizer ever moves them.

    What it looks at: the parameters that got a gradient beside those of every optimizer that was
    given or seen to step.
    Why it matters: these layers stay as they were drawn, and the others make what they can of it:
    a network that learns, and not as well as it would.
    Remedy: `torch.optim.SGD(model.parameters(), …)`; layers that were added later need
    `optimizer.add_param_group`; a list of layers has to be a `torch.nn.ModuleList`.
    Not a fault: layers that are to stay as they are: `requires_grad_(False)` says so, and saves
    their gradients. An error where the last layer is among them, which nobody leaves as it was
    drawn.
    """
    loop = record.loop
    if not loop.outside or not loop.optimizers:
        return None
    layers = layers_with(record, loop.outside)
    numbers = [str(layer.number) for layer in layers]
    where = f" of layer{'s' * (len(numbers) > 1)} {told(numbers)}" if numbers else ""
    has_output = any(layer.is_output for layer in layers)
    return Finding(
        evidence=f"{len(loop.outside):,} parameters{where} are in no optimizer: "
        f"{told(list(loop.outside))}",
        numbers={"outside": float(len(loop.outside))},
        healthy="every parameter that gets a gradient",
        cause="the optimizer was made without them",
        severity="error" if has_output else None,
        place=place_of(record, list(loop.outside)),
        since=0,
        remedies=[
            write("torch.optim.SGD(model.parameters(), …)", "after the last layer was added"),
            write("requires_grad_(False) of these layers", "if they are to stay as they are"),
        ],
    )
