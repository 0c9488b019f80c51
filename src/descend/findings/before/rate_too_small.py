"""D161: a rate at which the weights cannot get anywhere."""

from __future__ import annotations

import math

from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.optimizers.settings import OPTIMIZER_SETTINGS
from descend.recipe.defaults import LR_FOR

MOVES = 0.03  # of the weights, by all planned steps together
FAR_BELOW = 30.0  # times the usual rate


@finding(
    "D161", "error", leads_to=("D162", "D206", "D207", "D209", "D211", "D303"), is_forecast=True
)
def rate_too_small(record: Record) -> Finding | Margin | None:
    """All planned steps together cannot move the weights by a few percent.

    What it looks at: the first update beside the weights, times the planned steps, and the rate
    beside the usual one of the optimizer.
    Why it matters: weights that stay where they were drawn give the answers of a network that was
    never trained.
    Remedy: `training.lr`: 0.1 for plain descent, 0.001 for Adam.
    Not a fault: a warm-up, whose first steps are meant to be short.
    """
    training = record.training
    moved, usual = reach(record), usual_rate(training.optimizer)
    if training.schedule is not None and moved > 0:
        return None
    is_far_below = training.lr is not None and training.lr * FAR_BELOW < usual
    if moved >= MOVES or not is_far_below:
        return Margin("way of the weights in all steps, beside their size", moved, MOVES)
    return Finding(
        evidence=f"{record.planned_steps:,} steps like the first one move the weights by "
        f"{moved:.2g} of their size",
        numbers={"reach": moved, "lr": float(training.lr)},
        healthy="0.1 or more",
        cause=f"lr {training.lr:g}, where {training.optimizer} usually learns with {usual:g}",
        remedies=[edit("training.lr", usual, f"usual for {training.optimizer}")],
    )


def reach(record: Record) -> float:
    """How far all planned steps lead if each is as long as the first one, beside the weights."""
    if not record.planned_steps or record.training.optimizer in ("lbfgs", "rprop", "adadelta"):
        raise NotMeasured
    ratios = [record.first("update_ratio", one) for one in record.layers if one.spread]
    if not ratios or not all(map(math.isfinite, ratios)):
        raise NotMeasured
    momentum = record.training.momentum or 0.0
    growth = 1 / (1 - momentum) if 0 < momentum < 1 else 1.0
    return max(ratios) * record.planned_steps * growth


def usual_rate(optimizer: str) -> float:
    """The rate that a recipe gets where it names none."""
    usual = LR_FOR.get(optimizer, OPTIMIZER_SETTINGS[optimizer]["lr"])
    assert isinstance(usual, float)
    return usual
