"""D160: a first step that leads away."""

from __future__ import annotations

import math

import numpy as np

from descend.findings.before.rate_too_small import usual_rate
from descend.findings.course import beside_curvature
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured, known
from descend.findings.record import Record
from descend.findings.rule import finding

DESCENT = ("sgd", "asgd")  # a short enough step of these always leads down
WORSE = 100.0  # times the first loss, and times chance: tens of times are made up for
WORSE_ON_A_LINE = 1.2  # where no layer bends, the curvature stays as it is, and nothing is made up
LONGER = 3.0  # times the weights, by the optimizers whose steps have a length of their own


@finding(
    "D160",
    "error",
    leads_to=("D202", "D203", "D204", "D205", "D208", "D210", "D212"),
    is_forecast=True,
)
def first_step_too_long(record: Record) -> Finding | Margin:
    """The first step overshoots: the same batch is far worse off after it.

    What it looks at: for plain descent the loss of the first batch before and after one step; for
    optimizers that choose a length, that of the first update beside the weights.
    Why it matters: along the gradient the loss falls, if the step is short enough. A step that
    makes it a hundredfold is far beyond the stable rate, and the next ones go further.
    Remedy: `training.lr` a tenth of it; scaled inputs.
    Not a fault: a first step that raises the loss some times over, which the next ones make up for.
    Reference: LeCun, Bottou, Orr & Müller 1998: lr < 2 / λ, the largest curvature.
    """
    training = record.training
    lr = training.lr
    if not lr or training.optimizer in ("lbfgs", "rprop"):
        raise NotMeasured
    better = min(lr / 10, usual_rate(training.optimizer))
    remedy = edit("training.lr", better, f"steps {lr / better:,.0f} times as short")
    if training.optimizer in DESCENT:
        first, second = record.first_loss, known(record.second_loss)
        is_lost = not math.isfinite(second)
        chance = record.profile.chance_loss or 0.0
        excess = second / max(first, chance, 1e-12)
        limit = most_worse(record)
        if not is_lost and excess < limit:
            return Margin("loss after one step beside that before", excess, limit)
        return Finding(
            evidence=f"loss {first:.4g} before the first step and {second:.4g} after it, on the "
            f"same batch{beside_curvature(record)}",
            numbers={"first_loss": first, "second_loss": second},
            healthy="a loss that falls",
            cause=f"lr {lr:g} is beyond the stable rate at the start",
            remedies=[remedy, edit("training.lr", better / 10, "shorter still")],
        )
    ratio = first_ratio(record)
    if ratio < LONGER:
        return Margin("first update beside the weights", ratio, LONGER)
    return Finding(
        evidence=f"the first update is {ratio:.3g} times as long as the weights",
        numbers={"update_ratio": ratio},
        healthy="below 1, mostly 0.001 to 0.1",
        cause=f"lr {lr:g} is a step of {training.optimizer} that leaves nothing of the first "
        "weights",
        remedies=[remedy, edit("training.lr", better / 10, "shorter still")],
    )


def most_worse(record: Record) -> float:
    """By how much a first step may raise the loss and yet be made up for."""
    bends = any(layer.activation != "identity" for layer in record.hidden)
    return WORSE if bends else WORSE_ON_A_LINE


def first_ratio(record: Record) -> float:
    """The first update beside the weights, of the layers with weights the middle one."""
    ratios = [record.first("update_ratio", one) for one in record.layers if one.spread]
    ratios = [one for one in ratios if math.isfinite(one)]
    if not ratios:
        raise NotMeasured
    return float(np.median(ratios))
