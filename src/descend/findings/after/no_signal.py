"""D309: what is learnt by heart and tells nothing of other examples."""

from __future__ import annotations

import math

from descend.findings.course import LEARNS, scale
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured, known
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.signal import signal_of

LEARNT = 0.3  # of the way from chance to perfection, on training examples
TIMES = 2.0  # standard errors


@finding("D309", "warning", leads_to=("D301",))
def no_signal(record: Record) -> Finding | Margin | None:
    """The network knows its training examples, and of others no more than chance.

    What it looks at: accuracy (or r²) on training examples and on held-out ones, beside that of a
    constant answer, with the standard error of as many examples; the held-out loss beside that of a
    constant answer; and that no simple model does better, nor tells targets from shuffled ones.
    Why it matters: the inputs tell nothing of the targets, or the two do not belong together:
    shuffled rows, wrong labels.
    Remedy: look at the data: do inputs and targets stand in the same order?
    Not a fault: inputs that simple models know targets by, clearly beyond shuffled ones; a
    held-out score that is low but above chance; one that could not show more, since
    the largest class is nearly all there is, or the examples are few.
    Reference: Zhang et al. 2017.
    """
    if not record.is_over or record.status == "diverged":
        return None
    is_classes = record.profile.task in ("binary", "multiclass")
    name = "accuracy" if is_classes else "r2"
    chance = known(record.profile.chance_accuracy) if is_classes else 0.0
    split = "test" if f"test/{name}" in record.metrics else "validation"
    if record.metrics.get(f"{split}/loss", math.inf) < LEARNS * scale(record):
        return None
    own, other = record.metric(f"train/{name}"), record.metric(f"{split}/{name}")
    examples = record.profile.examples[split]
    error = math.sqrt(max(chance * (1 - chance), 0.05) / examples)
    limit = chance + TIMES * error
    could_show = own > limit + TIMES * error
    if own < chance + LEARNT * (1 - chance) or other > limit or examples < 30 or not could_show:
        return Margin(f"{split} {name} above chance", other - chance, TIMES * error)
    simple = [record.baselines.get(f"{model}/{name}", 0.0) for model in ("neighbours", "linear")]
    if max(simple) > limit + TIMES * error or _is_there(record):
        return None
    return Finding(
        evidence=f"{name} {own:.3g} on training examples, {other:.3g} on {split} examples; chance "
        f"{chance:.3g} ± {TIMES * error:.2g}",
        numbers={"train": own, "held_out": other, "chance": chance},
        healthy=f"above {limit:.3g}",
        cause="what it learnt is which example has which target, not why",
        confidence=0.8,
        remedies=[edit("training.early_stopping", {"metric": "validation/loss"})]
        if split == "validation"
        else [],
    )


def _is_there(record: Record) -> bool:
    """Whether targets go with their inputs better than shuffled ones do, and by how much."""
    try:
        return signal_of(record.profile).is_clear
    except NotMeasured:
        return False
