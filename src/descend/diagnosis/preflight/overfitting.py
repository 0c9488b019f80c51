"""Overfitting: whether one batch can be learnt by heart."""

from __future__ import annotations

import math

from descend.diagnosis.constant_answers import constant_loss, floor_loss
from descend.diagnosis.preflight.outcome import Outcome, Verdict
from descend.diagnosis.preflight.subject import RATES, Fit, Subject

CHECK, NAME = "overfits", "one batch can be overfitted"
NEAR = 0.1  # of the way from chance to the floor may be left
NOTHING = 0.01  # a fall by less is none


def bounds(subject: Subject) -> tuple[float | None, float | None]:
    """The losses of the batch's best constant answer, and of the best answer to each input.

    None for both where no formula gives them.
    """
    if subject.loss is None:
        return None, None
    x, y = subject.x.cpu(), subject.y.cpu()
    chance = constant_loss(subject.loss, y)
    floor = None if chance is None else floor_loss(subject.loss, x, y)
    return (chance, floor) if floor is not None else (None, None)


def enough(subject: Subject, share: float = NEAR) -> float:
    """The loss from which on the batch counts as learnt; minus infinity where nobody knows it."""
    chance, floor = bounds(subject)
    if chance is None or floor is None:
        return -math.inf
    return floor + share * max(chance - floor, 0.01 * abs(chance), 1e-3)


def overfitting(subject: Subject, fit: Fit) -> Outcome:
    """How near to its floor the loss of the batch came."""
    first, last = fit.losses[0], min(fit.losses[-1], *fit.losses)
    steps = len(fit.losses) - 1
    chance, floor = bounds(subject)
    numbers = {"first_loss": first, "loss": last, "steps": float(steps)}
    fell = f"the loss of {len(subject.x)} examples went from {first:.4g} to {last:.4g} in "
    fell += f"{steps:,} steps of Adam"
    if not math.isfinite(first) or not math.isfinite(last):
        return Outcome(CHECK, NAME, "failed", f"{fell}: it is not finite", numbers)
    if chance is None or floor is None:
        is_stuck = first - last < NOTHING * abs(first)
        verdict: Verdict = "failed" if is_stuck else "not applicable"
        why = "it does not fall" if is_stuck else "how low it can get is not known of this loss"
        return Outcome(CHECK, NAME, verdict, f"{fell}: {why}", numbers)
    numbers |= {"chance": chance, "floor": floor}
    way = (chance - last) / (chance - floor) if chance > floor else 1.0
    numbers["way"] = way
    sentence = f"{fell}; chance is {chance:.4g}, its floor {floor:.4g}"
    if last < floor - max(NEAR * (chance - floor), 1e-3):
        why = "below its floor: these outputs are not what the loss takes them for"
        return Outcome(CHECK, NAME, "failed", f"{sentence}: {why}", numbers)
    if last <= enough(subject):
        return Outcome(CHECK, NAME, "passed", sentence, numbers)
    rates = ", ".join(f"{rate:g}" for rate in sorted(RATES))
    came = f"{max(way, 0.0):.0%} of the way is the best of the rates {rates}"
    return Outcome(CHECK, NAME, "failed", f"{sentence}: {came}", numbers)
