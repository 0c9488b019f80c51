"""D140: inputs that say nothing of their targets."""

from __future__ import annotations

from descend.findings.course import LEARNS, is_stuck
from descend.findings.finding import Finding, Margin
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.signal import NONE, SURE, signal_of
from descend.findings.standing import held_out_above_chance, simple_above_chance


@finding(
    "D140",
    "warning",
    leads_to=("D152", "D204", "D205", "D206", "D207", "D215", "D301", "D302", "D305", "D309"),
    is_dear=True,
)
def inputs_without_signal(record: Record) -> Finding | Margin:
    """The inputs say no more of their targets than of shuffled ones.

    What it looks at: what nearest neighbours and a linear model know of each training target from
    the other pairs, beside what they know after the targets were shuffled, a hundred times. And,
    once networks were trained, whether these know more of held-out examples than chance does, or
    simple models that were given all examples.
    Why it matters: where inputs and targets do not go together, a network can learn by heart or
    nothing; no rate and no number of units makes up for it.
    Remedy: look at the data: do inputs and targets stand in the same order, does the label mean
    what you think, is what it depends on among the features?
    Where as much comes of a few shufflings only, it is a finding once the network was trained and
    neither it nor a simple model knows held-out examples better than chance.
    Not a fault: what simple models cannot see and a network can, such as the parity of many bits:
    it is a note until networks were trained, and none where these answer held-out examples.
    Reference: Ojala & Garriga 2010, "Permutation tests for studying classifier performance".
    """
    signal = signal_of(record.profile)
    if signal.chance <= SURE:
        return Margin("share of shufflings that do as well", signal.chance, NONE)
    is_learnt, is_known = _learns_more(record)
    is_settled = record.is_over and is_known
    if is_learnt or not (signal.is_none or is_settled):
        return Margin("share of shufflings that do as well", signal.chance, 1.0)
    return Finding(
        evidence=f"r² of simple models {signal.score:.2g}; with shuffled targets "
        f"{signal.shuffled:.2g}, and in {signal.chance:.0%} of the shufflings as much",
        numbers={"score": signal.score, "shuffled": signal.shuffled, "chance": signal.chance},
        healthy=f"as much in less than {NONE:.0%} of the shufflings",
        cause="inputs and targets do not go together: they say nothing of each other, or the rows "
        "of one were mixed up",
        severity="warning" if is_known else "note",
        confidence=0.9,
    )


def _learns_more(record: Record) -> tuple[bool, bool]:
    """Whether held-out examples are known better than chance; whether that is known at all."""
    try:
        if simple_above_chance(record):
            return True, True
        if record.is_over:
            return held_out_above_chance(record), True
        if record.status == "planned":
            return False, False
        return False, is_stuck(record) and _is_poor_elsewhere(record)
    except NotMeasured:
        return False, False


def _is_poor_elsewhere(record: Record) -> bool:
    """Whether no held-out loss so far was below that of the best constant answer."""
    for split in ("validation", "test"):
        try:
            return bool(record.curve(f"{split}/loss").min() >= LEARNS * record.chance_loss)
        except NotMeasured:
            continue
    return True
