"""D230: a model that is evaluated in training mode."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, Place, write
from descend.findings.modes import DOES, SHARE, kinds_of, most, mostly
from descend.findings.modules import told
from descend.findings.record import Record
from descend.findings.rule import finding


@finding("D230", "warning", leads_to=("D305", "D308"))
def missing_eval(record: Record) -> Finding | Margin | None:
    """Dropout or batch normalisation is in training mode while the network is evaluated.

    What it looks at: the mode of each such module in forward passes without gradients.
    Why it matters: dropout drops units of what is judged; batch normalisation uses the statistics
    of what it judges, so that an answer depends on the other examples of its batch, and lets them
    into its running ones.
    Remedy: `model.eval()` before evaluation, `model.train()` after it.
    Not a fault: dropout alone in training mode, with batch normalisation in evaluation mode, as in
    Monte Carlo dropout; networks that are asked for examples to train another one with. Both are
    notes. Passes that learn running statistics anew, without momentum, are left out.
    Reference: Gal & Ghahramani 2016.
    """
    loop = record.loop
    if not loop.moded:
        return None
    left = mostly(loop.in_train)
    if not left:
        return Margin("share of evaluations in training mode", most(loop.in_train), SHARE)
    is_meant = len(left) < len(loop.moded) or loop.optimizers > 1
    kinds = kinds_of(loop, left)
    return Finding(
        evidence=f"{told(left)} ({told(kinds)}) in training mode in {most(loop.in_train):.0%} of "
        "the passes without gradients",
        numbers={"share": most(loop.in_train)},
        healthy="evaluation mode while it is evaluated",
        cause="model.eval() was not called: " + "; ".join(DOES[kind, "train"] for kind in kinds),
        severity="note" if is_meant else None,
        place=Place(f"module {left[0]}"),
        confidence=0.9,
        remedies=[write("model.eval() before evaluation, model.train() after it")],
    )
