"""D116: targets that the output activation cannot reach."""

from __future__ import annotations

from descend.findings.finding import Finding, Margin, edit
from descend.findings.heads import OF_NUMBERS, REACH, unreachable_share
from descend.findings.record import Record
from descend.findings.rule import finding

FEW = 0.01  # of the targets: fewer are outliers


@finding("D116", "error", leads_to=("D106", "D201", "D205", "D206"))
def output_range(record: Record) -> Finding | Margin | None:
    """Targets lie outside what the last activation can give.

    What it looks at: the range of the last activation and the targets as the loss sees them.
    Why it matters: the network runs against the end of its range, where sigmoid and tanh have no
    slope left, and stays wrong there.
    Remedy: `network.output = "identity"`.
    Not a fault: a sigmoid for targets from 0 to 1, a tanh for targets from -1 to 1.
    """
    output, training = record.output, record.training
    if record.profile.task not in OF_NUMBERS or output.activation not in REACH:
        return None
    if output.activation in ("relu", "log_softmax") or training.loss == "poisson":
        return None
    share = unreachable_share(record, output.activation)
    if share == 0:
        return Margin("share of targets out of reach", share, FEW)
    least, most = REACH[output.activation]
    return Finding(
        evidence=f"{share:.0%} of the targets are outside {least:g} to {most:g}",
        numbers={"unreachable_share": share, "least": least, "most": most},
        healthy="no target out of reach",
        cause=f"{output.activation} gives numbers from {least:g} to {most:g} only",
        severity="error" if share >= FEW else "note",
        place=output.place,
        remedies=[edit("network.output", "identity", "reaches every number")],
    )
