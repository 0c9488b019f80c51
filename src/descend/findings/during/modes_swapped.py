"""D231: a model that trains in evaluation mode and is evaluated in training mode."""

from __future__ import annotations

from descend.findings.finding import Finding, Place, write
from descend.findings.modes import kinds_of, most, mostly
from descend.findings.modules import told
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D231", "error", leads_to=("D229", "D230", "D202", "D301", "D305", "D308"))
def modes_swapped(record: Record) -> Finding | None:
    """Dropout or batch normalisation is off where the network trains, and on where it is judged.

    What it looks at: the mode of each such module in passes with a backward pass, and in those
    without gradients.
    Why it matters: nothing is regularised, and what is judged is noise.
    Remedy: `model.train()` before training, `model.eval()` before evaluation.
    Not a fault: one of the two alone, which has a page of its own.
    """
    loop = record.loop
    swapped = [name for name in mostly(loop.in_eval) if name in mostly(loop.in_train)]
    if not swapped:
        return None
    return Finding(
        evidence=f"{told(swapped)} ({told(kinds_of(loop, swapped))}) in evaluation mode in "
        f"{most(loop.in_eval):.0%} of the training passes, in training mode in "
        f"{most(loop.in_train):.0%} of the others",
        numbers={"in_eval": most(loop.in_eval), "in_train": most(loop.in_train)},
        healthy="training mode while it trains, evaluation mode while it is evaluated",
        cause="the two modes are the wrong way round",
        place=Place(f"module {swapped[0]}"),
        remedies=[write("model.train() before training, model.eval() before evaluation")],
    )
