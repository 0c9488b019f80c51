"""D229: a model that trains in evaluation mode."""

from __future__ import annotations

from collections.abc import Sequence

from descend.findings.finding import Finding, Margin, Place, write
from descend.findings.measured import NotMeasured
from descend.findings.modes import DOES, SHARE, kinds_of, most, mostly
from descend.findings.modules import owner, told
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D229", "warning", leads_to=("D202", "D301", "D308"))
def left_in_eval(record: Record) -> Finding | Margin | None:
    """Dropout or batch normalisation is in evaluation mode while the network trains.

    What it looks at: the mode of each such module in forward passes that a backward pass follows.
    Why it matters: dropout drops nothing; batch normalisation neither uses the statistics of the
    batch nor learns the running ones, which stay those of the first steps.
    Remedy: `model.train()` at the start of each epoch, for validation has called `model.eval()`.
    Not a fault: modules whose own parameters are frozen, as in fine-tuning; some of them, while
    others are in training mode: somebody has chosen these. Both are notes.
    """
    loop = record.loop
    if not loop.moded:
        return None
    if not loop.backwards:
        raise NotMeasured
    left = mostly(loop.in_eval)
    if not left:
        return Margin("share of training passes in evaluation mode", most(loop.in_eval), SHARE)
    is_meant = len(left) < len(loop.moded) or _are_frozen(record, left)
    kinds = kinds_of(loop, left)
    return Finding(
        evidence=f"{told(left)} ({told(kinds)}) in evaluation mode in {most(loop.in_eval):.0%} of "
        "the training passes",
        numbers={"share": most(loop.in_eval)},
        healthy="training mode while it trains",
        cause="model.train() was not called, or not again after model.eval(): "
        + "; ".join(DOES[kind, "eval"] for kind in kinds),
        severity="note" if is_meant else None,
        place=Place(f"module {left[0]}"),
        remedies=[write("model.train() at the start of each epoch")],
    )


def _are_frozen(record: Record, modules: Sequence[str]) -> bool:
    """Whether the modules that could learn ask for no gradient, and there are such."""
    frozen = {owner(name) for name in record.loop.frozen}
    learning = [name for name in modules if record.loop.moded[name] != "dropout"]
    return bool(learning) and frozen.issuperset(learning)
