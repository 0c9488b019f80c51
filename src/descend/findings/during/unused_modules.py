"""D228: modules that were made and never called."""

from __future__ import annotations

from descend.findings.finding import Finding, Place, write
from descend.findings.modules import told
from descend.findings.record import Record
from descend.findings.rule import finding

FEWEST = 3  # passes


@finding("D228", "warning")
def unused_modules(record: Record) -> Finding | None:
    """Modules with parameters are part of the model, and no forward pass calls them.

    What it looks at: which modules were called, and which parameters got a gradient.
    Why it matters: the model is smaller than it looks: a layer was made and never put to use.
    Remedy: call it in `forward`, or remove it.
    Not a fault: modules whose parameters are used by another one; frozen ones, which are a note.
    """
    loop = record.loop
    if not loop.unused or loop.passes < FEWEST:
        return None
    unused = list(loop.unused)
    are_frozen = all(any(name.startswith(f"{one}.") for name in loop.frozen) for one in unused)
    return Finding(
        evidence=f"never called in {loop.passes:,} forward passes: {told(unused)}",
        numbers={"unused": float(len(unused))},
        healthy="every module with parameters is called",
        cause="forward does not use them",
        severity="note" if are_frozen else None,
        place=Place(f"module {unused[0]}"),
        confidence=0.9,
        since=0,
        remedies=[write(f"call {told(unused)} in forward, or remove what is not needed")],
    )
