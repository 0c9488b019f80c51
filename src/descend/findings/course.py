"""Course: what a training's loss did, told from the noise of its batches."""

from __future__ import annotations

import math

import numpy as np

from descend.findings.fork import Fork, Numbers, end_of
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.standing import SIMPLE, metric_of

LEARNS = 0.97  # a loss below this share of chance has learnt something
FASTER, SLOWER = ("lr * 3", "lr * 10", "lr * 100"), ("lr / 3", "lr / 10", "lr / 100")
FACTORS = {"lr * 3": 3.0, "lr * 10": 10.0, "lr * 100": 100.0}
STEADY = 1.03  # times the loss of chance: a fork above it is unstable
FEW_STEPS = 100  # a training of fewer has hardly begun
FIRST = 10  # samples
BEHIND = 0.05  # of accuracy or r²
EPOCHS = 12  # so many epochs' means tell more than single steps do
PARTS = 50  # of a loop that has no epochs
RISE = 0.25  # of the least held-out loss
OF_CHANCE = 0.05  # of the loss of chance


def course(record: Record) -> Numbers:
    """The training loss as it went, the least noisy that there is: (points,)."""
    if record.known_loop is not None and record.known_loop.takes_turns:  # there is no such loss
        raise NotMeasured
    means = record.curves.get("train/loss")
    if means is not None and (len(means) >= EPOCHS or _tell_more(means, record)):
        return means
    if len(record.all_losses) >= EPOCHS:
        parts = np.array_split(record.all_losses, min(PARTS, len(record.all_losses)))
        return np.array([part.mean() for part in parts])
    if not len(record.losses):
        raise NotMeasured
    return record.losses


def _tell_more(means: Numbers, record: Record) -> bool:
    """Whether epochs' means say more of the second half than samples, most of which are early."""
    half = len(means) * record.steps_per_epoch / 2
    return int((record.steps >= half).sum()) < len(means) / 2


def start_loss(record: Record) -> float:
    """The loss that the training began with."""
    return record.first_loss if len(record.steps) and record.steps[0] == 0 else course(record)[0]


def end_loss(record: Record) -> float:
    """The training loss that it came to; infinite where it diverged."""
    return math.inf if record.status == "diverged" else _end(course(record))


def _end(losses: Numbers) -> float:
    """Of the last tenth of many points, or the last quarter of few."""
    return end_of(losses[-max(4, len(losses) // 10) * 4 :] if len(losses) > 40 else losses)


def scale(record: Record) -> float:
    """What a loss is measured by: that of chance, or the first one where chance is unknown."""
    profile = record.known_profile
    chance = None if profile is None else profile.chance_loss
    if chance is None:
        chance = start_loss(record)
        if record.known_loop is not None and len(record.losses):  # whose first batch may be easy
            chance = max(chance, float(np.mean(record.losses[:FIRST])))
    return max(chance, 1e-12)


def learns(record: Record) -> bool:
    """Whether the loss is below that of the best constant answer by now."""
    return end_loss(record) < LEARNS * record.chance_loss


def same_steps(record: Record, fork: Fork) -> float:
    """The loss that the training itself had come to where the fork was left."""
    if record.status == "diverged" and record.steps[-1] <= fork.steps[-1]:
        return math.inf
    return end_of(record.losses[record.steps <= fork.steps[-1]])


def forks_of(record: Record, changes: tuple[str, ...]) -> dict[str, Fork]:
    """The forks with these changes, as far as there are any."""
    found = {change: record.forks[change] for change in changes if change in record.forks}
    if not found:
        raise NotMeasured
    return found


def is_stuck(record: Record) -> bool:
    """Whether it does not learn, and would not if one waited.

    A training that is over has been waited for. Otherwise: a fork at ten times the rate has gone
    where the training itself will be after ten times the steps, as long as it does not swing above
    chance. Where one of the faster forks learns, or none went as far as the training will, nobody
    can say yet.
    """
    if learns(record):
        return False
    if record.is_over:
        if record.planned_steps < FEW_STEPS and record.status != "diverged":
            raise NotMeasured
        return True
    faster = forks_of(record, FASTER)
    if any(fork.end < LEARNS * record.chance_loss for fork in faster.values()):
        return False
    steady = [name for name, fork in faster.items() if fork.end < STEADY * record.chance_loss]
    ahead = max((FACTORS[name] for name in steady), default=0.0)
    return ahead * steps_so_far(record) >= 0.95 * record.planned_steps


def has_stopped_falling(record: Record) -> bool:
    """Whether the last third of the course brought less than 2 % of the loss."""
    losses = course(record)
    third = len(losses) // 3
    if third < 3:
        raise NotMeasured
    before, after = losses[-2 * third : -third].mean(), losses[-third:].mean()
    return bool(np.isfinite(after) and after > 0.98 * before)


def steps_so_far(record: Record) -> int:
    """The last step that was measured, counted from 1."""
    if not len(record.steps):
        raise NotMeasured
    return int(record.steps[-1]) + 1


def gradient_size(record: Record, number: int) -> Numbers:
    """The root mean square of a layer's gradient at the sampled steps, whatever its width."""
    layer = record.layers[number - 1]
    size: Numbers = record.series("gradient_norm", layer) / math.sqrt(layer.fan_in * layer.fan_out)
    return size


def path_length(record: Record, number: int) -> float:
    """How far a layer's weights would go in the whole training, in their own size.

    The mean update ratio over the steps so far, each sample standing for those up to the next one,
    times the steps that are planned; a training that turns back on its way comes less far.
    """
    ratios = record.series("update_ratio", record.layers[number - 1])
    finite = np.isfinite(ratios)
    if not finite.any():
        raise NotMeasured
    spans = np.diff(record.steps, append=record.steps[-1] + 1)[finite]
    return float(np.average(ratios[finite], weights=spans)) * record.planned_steps


def held_out_course(record: Record) -> tuple[str, Numbers]:
    """The smoothed loss on held-out examples, and which ones these are."""
    split = "validation" if "validation/loss" in record.curves else "test"
    return split, smooth(record.curve(f"{split}/loss"))


def least_held_out(record: Record) -> float:
    """The least held-out loss, or that of an answer without inputs, which is there for free."""
    return min(float(held_out_course(record)[1].min()), scale(record))


def has_risen(loss: float, least: float, record: Record) -> bool:
    """Whether a held-out loss is above the least one by what matters."""
    return loss - least >= max(RISE * least, OF_CHANCE * scale(record))


def smooth(values: Numbers) -> Numbers:
    """Means of as many neighbours as a tenth of the values."""
    width = max(1, len(values) // 10)
    if width == 1:
        return values
    means: Numbers = np.convolve(values, np.full(width, 1 / width), mode="valid")
    return means


def is_poor(record: Record) -> bool:
    """Whether it has not come far, and comes no further."""
    end = min(end_loss(record), record.metrics.get("train/loss", math.inf))
    if end < 0.5 * scale(record) or keeps_up(record):
        return False
    profile = record.known_profile
    if record.known_loop is not None and (profile is None or profile.chance_loss is None):
        return record.is_over and has_stopped_falling(record)
    return is_stuck(record) or (record.is_over and has_stopped_falling(record))


def falls_by(record: Record) -> float:
    """What the last fifth of the course brought: how much the loss fell from the fifth before."""
    losses = course(record)
    fifth = len(losses) // 5
    if fifth < 1:
        raise NotMeasured
    last, before = losses[-fifth:], losses[-2 * fifth : -fifth]
    return float(before.mean() - last.mean())


def keeps_up(record: Record) -> bool:
    """Whether it answers held-out examples as well as simple models do, or its own ones.

    False where no simple model was tried.
    """
    if not record.baselines:
        return False
    name = metric_of(record)
    scores = [record.baselines.get(f"{model}/{name}") for model in SIMPLE]
    own = [record.metrics.get(f"{part}/{name}") for part in ("train", "validation", "test")]
    simple = max((score for score in scores if score is not None), default=math.inf)
    if not math.isfinite(simple):
        return False
    error = math.sqrt(max(simple * (1 - simple), 0.01) / record.baselines["examples"])
    best = max((one for one in own if one is not None), default=-math.inf)
    return best > simple - BEHIND - error


def stable_rate(record: Record) -> float | None:
    """The longest steps that the largest curvature at the beginning holds: 2 / λ.

    With momentum m they may be 1 + m times as long, where each gradient counts 1 / (1 - m) times in
    the end. None where the curvature is not known, or not positive.
    """
    curvature = record.curvature
    if curvature is None or not curvature > 0:
        return None
    return 2 * (1 + (record.training.momentum or 0.0)) / curvature


def beside_curvature(record: Record) -> str:
    """What the curvature says of a rate that it does not hold; nothing of one that it does."""
    stable, lr = stable_rate(record), record.training.lr
    if stable is None or not lr or lr <= stable:
        return ""
    return f"; lr {lr:g} > 2 / λ = {stable:.2g}, by the largest curvature at the beginning"
