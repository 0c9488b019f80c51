"""D236: a loss that takes the logarithm of what has none."""

from __future__ import annotations

from descend.findings.finding import Finding, Remedy, write
from descend.findings.loop import Undefined
from descend.findings.record import Record
from descend.findings.rule import finding

TAKES = {
    "logarithm": "numbers that the loss takes the logarithm of",
    "root": "numbers that the loss takes the root of",
    "division": "numbers that the loss divides by",
}
BOUNDED = {
    "logarithm": write("p.clamp(1e-7, 1 - 1e-7) before the logarithm"),
    "root": write("(x + 1e-8).sqrt()"),
    "division": write("a divisor that cannot be 0: x.clamp(min=1e-8)"),
}
ON_LOGITS = {
    "sigmoid": "torch.nn.BCEWithLogitsLoss() of outputs without sigmoid",
    "softmax": "torch.nn.CrossEntropyLoss() of outputs without softmax",
}


@finding("D236", "error", leads_to=("D202", "D203", "D204", "D208", "D211", "D212"))
def log_of_zero(record: Record) -> Finding | None:
    """The loss takes the logarithm of 0 or of a number below it.

    What it looks at: in a watched loop, what the loss takes logarithms and roots of and divides by,
    at the step at which loss or gradient ceased to be finite, as far as the loop has written it
    out.
    Why it matters: a sigmoid of 17 is 1 in single precision, and a softmax 104 below the largest
    is 0. The logarithm of 0 is infinite, 0 times that is NaN, and so is the gradient even where the
    loss leaves such numbers out: one example ends the training.
    Remedy: `BCEWithLogitsLoss` or `CrossEntropyLoss` on the outputs without sigmoid or softmax, or
    `clamp` before the logarithm.
    Not a fault: torch's own losses, which have a bound; numbers that are NaN already, whose origin
    is elsewhere.
    """
    if record.status != "diverged" or (undefined := record.loop.undefined) is None:
        return None
    if undefined.step < _earliest(record):
        return None
    what, step, several, of, least, _ = undefined
    is_output = what == "logarithm"
    return Finding(
        evidence=f"{several:,} of {of:,} {TAKES[what]} {'are' if several > 1 else 'is'} "
        f"{'0' if least == 0 else '0 or below'}, the least {least:.4g}, at step {step:,}",
        numbers={"count": float(several), "of": float(of), "least": least, "step": float(step)},
        healthy="a bound above 0" if what == "division" else "numbers above 0",
        cause=_cause(undefined),
        place=record.output.place if record.layers else None,
        since=step,
        remedies=[*(_on_logits(record) if is_output else ()), BOUNDED[what]],
    )


def _earliest(record: Record) -> int:
    """The first step whose gradient may have cost the loss that is no number."""
    lost = int(record.steps[-1]) if len(record.steps) else 0
    if len(record.all_losses) or len(record.steps) < 2:  # no loss went unseen
        return lost - 1
    return int(record.steps[-2])


def _cause(undefined: Undefined) -> str:
    if undefined.what == "root":
        exists = undefined.least == 0
        return "the slope of a root at 0 is infinite" if exists else "a root of less than 0 is none"
    if undefined.what == "division":
        return "what is divided by 0 is infinite or no number"
    if undefined.least < 0 and not undefined.is_slope:
        return "a number below 0 has no logarithm"
    if undefined.is_slope:
        return "the logarithm of 0 has no slope: the loss is a number, its gradient is none"
    return "the logarithm of 0 is infinite, and 0 times that is no number"


def _on_logits(record: Record) -> list[Remedy]:
    """A loss that applies what the network applies; where that is not known, either."""
    activation = record.output.activation if record.layers else ""
    chosen = [ON_LOGITS[activation]] if activation in ON_LOGITS else ON_LOGITS.values()
    return [write(words, "which cannot overflow") for words in chosen]
