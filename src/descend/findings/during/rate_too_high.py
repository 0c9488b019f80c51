"""D208: a learning rate that a smaller one beats."""

from __future__ import annotations

import math

import numpy as np

from descend.findings.course import (
    LEARNS,
    SLOWER,
    beside_curvature,
    end_loss,
    forks_of,
    learns,
    same_steps,
    scale,
)
from descend.findings.finding import Finding, Margin, edit
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.unforked import (
    LONG,
    THROWN,
    comes_to_nothing,
    is_watched,
    step_size,
    thrown_up,
)

RATIO = 0.7  # a fork must come below this share of the loss,
GAP = 0.1  # and by so much of chance
EARLY = 20  # samples of a loop: afterwards the weights may be as large as the steps
FACTORS = {"lr / 3": 3.0, "lr / 10": 10.0, "lr / 100": 100.0}


@finding(
    "D208",
    "error",
    leads_to=(
        "D201",
        "D202",
        "D203",
        "D204",
        "D205",
        "D210",
        "D211",
        "D212",
        "D303",
        "D213",
        "D215",
    ),
)
def rate_too_high(record: Record) -> Finding | Margin | None:
    """The learning rate is above the range in which this network learns.

    What it looks at: short forks of the same training, with the same first weights and batches, at
    a third, a tenth and a hundredth of the rate. Though their steps are shorter, one of them has
    come much further down after as many steps. In a watched loop, which nobody can fork: steps of
    more than a tenth of the weights that throw the loss above its beginning, and lead nowhere.
    Why it matters: steps longer than twice the inverse of the largest curvature lead upwards.
    Remedy: the rate of the best fork.
    Not a fault: a high rate that stays a little noisier at the end; a training that comes as far as
    the fork by its end.
    Reference: LeCun et al. 1998, Efficient BackProp.
    """
    if is_watched(record):
        return _alone(record)
    forks = forks_of(record, SLOWER)
    change = min(forks, key=lambda name: forks[name].end)
    best, own, unit = forks[change].end, same_steps(record, forks[change]), scale(record)
    if not math.isfinite(best):
        return None
    is_better = best < RATIO * own and own - best > GAP * unit
    comes_down = best < LEARNS * unit or not math.isfinite(own)
    gained = (own - best) / unit if math.isfinite(own) else math.inf
    if not is_better or not comes_down or _recovers(record, best):
        return Margin("what a lower rate gains, beside chance", gained, GAP)
    stable = [
        name for name, fork in forks.items() if fork.end < best + 0.5 * abs(best) + 0.05 * unit
    ]
    factor = min(FACTORS[name] for name in stable)
    lr = record.training.lr
    return Finding(
        evidence=f"at lr {lr:g} the loss came to {own:.4g}, at {lr / FACTORS[change]:g} to "
        f"{best:.4g} after as many steps{beside_curvature(record)}",
        numbers={"lr": lr, "loss": own, "slower_loss": best, "stable_lr": lr / factor},
        healthy=f"lr up to about {lr / factor:.2g}",
        cause="the steps are longer than the slope holds",
        since=int(record.steps[0]) if len(record.steps) else None,
        confidence=0.95,
        remedies=[
            edit("training.lr", lr / FACTORS[name], "as the fork")
            for name in sorted(stable, key=lambda name: forks[name].end)
        ],
    )


def _alone(record: Record) -> Finding | Margin:
    """What the trace of a watched loop says by itself."""
    sizes = step_size(record)[:EARLY]
    moved = sizes[sizes > 0]  # a network that the first steps have killed does not move any more
    size = float(np.median(moved)) if len(moved) else 0.0
    height = thrown_up(record)
    is_lost = record.status == "diverged" or comes_to_nothing(record)
    if size < LONG or height < THROWN or not is_lost:
        return Margin("steps beside the weights", size, LONG)
    lr = record.training.lr
    rose = "beyond all numbers" if math.isinf(height) else f"to {height:.3g} times its beginning"
    return Finding(
        evidence=f"at lr {lr:g} a step moves the weights by {size:.2g} of their size; "
        f"the loss rose {rose}",
        numbers={"lr": lr, "update_ratio": size, "height": height},
        healthy=f"steps of some 0.001 of the weights, below {LONG:g}",
        cause="the steps are longer than the slope holds",
        since=int(record.steps[0]),
        confidence=0.8,
        remedies=[edit("training.lr", lr / factor, "shorter steps") for factor in (10, 100)],
    )


def _recovers(record: Record, best: float) -> bool:
    """Whether the training has come as far by itself, or may still do so."""
    if record.status == "diverged":
        return False
    if not record.is_over:
        return learns(record)
    end = end_loss(record)
    return end < 1.5 * best or end < 0.1 * scale(record)
