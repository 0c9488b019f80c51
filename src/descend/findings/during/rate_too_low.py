"""D209: a learning rate that a larger one beats by far."""

from __future__ import annotations

import math

import numpy as np

from descend.findings.course import (
    FACTORS,
    FASTER,
    FEW_STEPS,
    LEARNS,
    STEADY,
    end_loss,
    forks_of,
    gradient_size,
    has_risen,
    held_out_course,
    keeps_up,
    least_held_out,
    path_length,
    same_steps,
    scale,
    start_loss,
    steps_so_far,
)
from descend.findings.finding import Finding, Margin, edit
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import finding
from descend.findings.standing import does_well
from descend.findings.unforked import (
    SHORT,
    falls_steadily,
    is_lost_in_rounding,
    is_watched,
    step_size,
)

WAY = 0.05  # times their size: less than that, weights have not gone anywhere
FELL = 0.02  # of the first loss
NEAR = 0.5  # times their size
GAP, RATIO = 0.2, 0.5
SOME = 0.05  # of the loss of chance: what a tenth of the steps bring where all of them brought none
HIGH = 0.5  # of the loss of chance
BOUNDS = ("clip_norm", "clip_value")
LEFT = 0.2  # of it: less at the end is no reason to hurry


@finding("D209", "warning", leads_to=("D207", "D211", "D302", "D303"))
def rate_too_low(record: Record) -> Finding | Margin | None:
    """The learning rate is so low that the planned steps do not lead anywhere.

    What it looks at: how far the weights would go in all planned steps, in their own size. And
    forks at 3, 10 and 100 times the rate: with a tenth of the steps, the one at ten times the rate
    shows where the training will end; where that is far above what a faster fork has come to
    already, or where the whole training ends far above it, the rate is too low. In a watched loop,
    which nobody can fork: weights that went next to nowhere, and a loss that is that of chance; or
    a loss that fell steadily, by small steps, and was still high in the end.
    Why it matters: the network stays as it was drawn.
    Remedy: the rate of the best fork; no bound on the gradient where there is one.
    Not a fault: a plateau that is left in time; a loss that is low at the end, though another rate
    is faster; a network that knows in the end what there is to know, or whose held-out loss has
    risen by then; small steps of a network that has converged.
    """
    lr = record.training.lr
    if not lr:
        return None
    if is_watched(record):
        if is_lost_in_rounding(record):
            return _lost(record)
        if not record.is_over or record.planned_steps < FEW_STEPS:
            raise NotMeasured
    way = max(path_length(record, layer.number) for layer in record.layers)
    has_slope = min(float(gradient_size(record, n.number).max()) for n in record.layers) > 0
    if way < WAY and has_slope and _fell(record) < FELL:
        factor = 10.0 ** math.ceil(math.log10(1 / max(way, 1e-12)))
        return _finding(
            f"the weights would go {way:.2g} times their size in {record.planned_steps:,} steps",
            record,
            lr * factor,
            {"way": way},
        )
    if record.planned_steps < FEW_STEPS or record.status == "diverged":
        return None
    if is_watched(record):
        return _alone(record, way)
    try:
        forks = forks_of(record, FASTER)
    except NotMeasured:
        return None
    change = min(forks, key=lambda name: forks[name].end)
    best, unit = forks[change].end, scale(record)
    end = end_loss(record) if record.is_over else _expected_end(record)
    if end < (LEFT if record.is_over else LEARNS) * unit or keeps_up(record):
        return Margin("loss beside chance", end / unit, LEFT)
    if does_well(record) or _is_past_its_best(record):
        return None
    learnt_nothing = record.is_over and end > LEARNS * unit
    is_far = end - best > (SOME if learnt_nothing else GAP) * unit
    if not is_far or best > (1.0 if learnt_nothing else RATIO) * end or best > LEARNS * unit:
        return Margin("what a higher rate gains, beside chance", (end - best) / unit, GAP)
    return _finding(
        f"at lr {lr:g} the training {'came' if record.is_over else 'would come'} to a loss of "
        f"{end:.4g} in {record.planned_steps:,} steps, at {lr * FACTORS[change]:g} to {best:.4g} "
        f"in {int(forks[change].steps[-1]) + 1:,}",
        record,
        lr * FACTORS[change],
        {"loss": end, "faster_loss": best},
    )


def _is_past_its_best(record: Record) -> bool:
    """Whether held-out examples are answered worse than before: it has gone too far already."""
    try:
        losses = held_out_course(record)[1]
    except NotMeasured:
        return False
    is_worse = has_risen(float(losses[-1]), least_held_out(record), record)
    return record.is_over and is_worse and int(losses.argmin()) > 0


def _lost(record: Record) -> Finding:
    return _finding(
        f"the middle layer's weights move by {float(np.median(step_size(record))):.2g} of their "
        f"size at a step, and the loss is {end_loss(record):.4g}",
        record,
        record.training.lr * 1e6,
        {"loss": end_loss(record)},
    )


def _alone(record: Record, way: float) -> Finding | Margin:
    """What the trace of a watched loop says by itself."""
    size, end, unit = float(np.median(step_size(record))), end_loss(record), scale(record)
    is_still = way < WAY and end >= LEARNS * unit  # what fell so far is the batches' noise
    is_slow = way < NEAR and size < SHORT and end >= HIGH * unit
    if not is_still and not (is_slow and falls_steadily(record)):
        return Margin("way of the weights, in their size", way, NEAR)
    return _finding(
        f"the weights went {way:.2g} times their size in {record.planned_steps:,} steps, and the "
        f"loss came to {end:.4g} of {unit:.4g}",
        record,
        record.training.lr * 10,
        {"way": way, "update_ratio": size, "loss": end},
    )


def _fell(record: Record) -> float:
    """By what share the loss has fallen.

    Beside a fork that takes a hundredth of the steps on the same batches, which differ: where the
    two come to the same, neither has gone anywhere.
    """
    still = record.forks.get("lr / 100")
    begin = start_loss(record) if still is None else still.end
    end = end_loss(record) if still is None else same_steps(record, still)
    return 1 - end / max(begin, 1e-12)


def _expected_end(record: Record) -> float:
    """The loss that the training will come to, as the fork at ten times the rate has shown it."""
    ahead = record.fork("lr * 10")
    is_far = FACTORS["lr * 10"] * steps_so_far(record) >= 0.95 * record.planned_steps
    if not is_far or ahead.end > STEADY * scale(record):  # it shows nothing where it is unstable
        raise NotMeasured
    return ahead.end


def _finding(evidence: str, record: Record, better: float, numbers: dict[str, float]) -> Finding:
    lr = record.training.lr
    recipe = record.recipe  # of a watched loop nobody knows whether gradients are cut
    bounds = [name for name in BOUNDS if recipe and getattr(recipe.training, name)]
    return Finding(
        evidence=evidence,
        numbers={"lr": lr, **numbers},
        healthy="weights that go some times their size, or a low loss in the end",
        cause=f"steps at lr {lr:g} are too short for so few of them"
        + (f", with gradients cut by {' and '.join(bounds)}" if bounds else ""),
        confidence=0.9,
        remedies=[
            *(edit(f"training.{name}", None, "gradients as they are") for name in bounds),
            edit("training.lr", better, "longer steps"),
            edit("training.optimizer", "adam"),
        ],
    )
