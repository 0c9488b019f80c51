"""Signal: whether targets go with their inputs better than shuffled targets do.

Two simple models, the nearest neighbours and least squares with a little ridge, answer each of some
hundred examples from all others; then once more after the targets were shuffled, many times. What
they score then is what chance gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from descend.findings.measured import NotMeasured, known
from descend.findings.profile import Numbers, Profile

NEIGHBOURS = 5
RIDGE = 0.03  # of the features' variance, which is 1 here
SHUFFLED = 99  # times
FEWEST = 60  # examples: of fewer nobody can tell
AMONG = 0.95  # of the training examples are as near to each other
NONE = 0.1  # a chance above this: shuffled targets do as well
SURE = 0.02  # a chance up to this: they do not
TASKS = ("binary", "multiclass", "multilabel", "regression")


@dataclass(frozen=True)
class Signal:
    """What simple models know of the targets: r² of answers from the other examples.

    shuffled: the mean of what they score with shuffled targets; chance: the share of shufflings
    with which they score as much.
    """

    score: float
    shuffled: float
    chance: float
    examples: int

    @property
    def excess(self) -> float:
        """The score beyond that of shuffled targets."""
        return self.score - self.shuffled

    @property
    def is_none(self) -> bool:
        """Whether shuffled targets do as well."""
        return self.chance > NONE

    @property
    def is_clear(self) -> bool:
        """Whether there is some beyond doubt."""
        return self.chance <= SURE and self.score > 0.1


def signal_of(profile: Profile) -> Signal:
    """Of the training pairs; raises NotMeasured for too few of them."""
    return _signal(profile, is_held_out=False)


def held_out_signal(profile: Profile) -> Signal:
    """Of the held-out pairs among themselves."""
    return _signal(profile, is_held_out=True)


def carried_over(profile: Profile) -> float:
    """The r² of what the neighbours among the training pairs say of held-out pairs.

    Only of those that lie among the training examples, as near to them as these to each other.
    """
    x, y = _examples(profile, is_held_out=False)
    new, truth = _examples(profile, is_held_out=True)
    if y.shape[1] != truth.shape[1]:
        raise NotMeasured
    mean, spread = x.mean(axis=0), x.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    x, new = (x - mean) / spread, (new - mean) / spread
    own, near = _nearest(x, x, is_same=True), _nearest(new, x)
    usual = np.quantile(_distances(x, x, own), AMONG)
    is_among = _distances(new, x, near) <= usual
    if is_among.sum() < FEWEST:
        raise NotMeasured
    truth = truth * _spread_beside_training(profile)
    return _r2(y[near[is_among]].mean(axis=1), truth[is_among])


@lru_cache(maxsize=8)
def _signal(profile: Profile, *, is_held_out: bool) -> Signal:
    x, y = _examples(profile, is_held_out=is_held_out)
    varies = x.std(axis=0) > 0
    if len(x) < FEWEST or not varies.any() or not (y.std(axis=0) > 0).any():
        raise NotMeasured
    x = (x[:, varies] - x[:, varies].mean(axis=0)) / x[:, varies].std(axis=0)
    near, line = _nearest(x, x, is_same=True), _line(x)
    score = _score(y, near, *line)
    rng = np.random.default_rng(0)
    by_chance = np.array([_score(y[rng.permutation(len(y))], near, *line) for _ in range(SHUFFLED)])
    chance = (1 + int((by_chance >= score).sum())) / (1 + SHUFFLED)
    return Signal(score, float(by_chance.mean()), chance, len(x))


def _examples(profile: Profile, *, is_held_out: bool) -> tuple[Numbers, Numbers]:
    """Inputs, and targets as columns: numbers of spread 1, classes one by one."""
    if profile.task not in TASKS:
        raise NotMeasured
    y = known(profile.held_out_targets if is_held_out else profile.first_targets)
    x = known(profile.held_out) if is_held_out else profile.first
    if len(x) != len(y) or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise NotMeasured
    if profile.task in ("binary", "multiclass"):
        labels, classes = y.reshape(len(y)).astype(np.int64), np.eye(max(2, profile.outputs))
        if labels.min(initial=0) < 0 or labels.max(initial=0) >= len(classes):
            raise NotMeasured
        return x, classes[labels]
    columns = y.reshape(len(y), -1)
    spread = columns.std(axis=0)
    return x, columns / np.where(spread > 0, spread, 1.0)


def _spread_beside_training(profile: Profile) -> Numbers | float:
    """The spread of the held-out targets beside that of the training targets, by column."""
    if profile.task in ("binary", "multiclass"):
        return 1.0
    both = (known(profile.held_out_targets), known(profile.first_targets))
    held_out, own = (y.reshape(len(y), -1).std(axis=0) for y in both)
    ratio: Numbers = np.where(held_out > 0, held_out, 1.0) / np.where(own > 0, own, 1.0)
    return ratio


def _nearest(x: Numbers, among: Numbers, *, is_same: bool = False) -> NDArray[np.int64]:
    distance = (x**2).sum(axis=1)[:, None] + (among**2).sum(axis=1) - 2 * x @ among.T
    if is_same:
        np.fill_diagonal(distance, np.inf)
    nearest: NDArray[np.int64] = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    return nearest


def _distances(x: Numbers, among: Numbers, near: NDArray[np.int64]) -> Numbers:
    """From each example to its neighbours, on the mean."""
    distances: Numbers = np.linalg.norm(x[:, None] - among[near], axis=2).mean(axis=1)
    return distances


def _line(x: Numbers) -> tuple[Numbers, Numbers]:
    """The matrix that makes fitted values of targets, and what each example has in its own."""
    n = len(x)
    if x.shape[1] < n:
        hat = x @ np.linalg.solve(x.T @ x + RIDGE * n * np.eye(x.shape[1]), x.T)
    else:
        gram = x @ x.T
        hat = gram @ np.linalg.inv(gram + RIDGE * n * np.eye(n))
    hat = hat + 1 / n
    return hat, np.minimum(np.diag(hat), 0.999)


def _score(y: Numbers, near: NDArray[np.int64], hat: Numbers, own: Numbers) -> float:
    left_out = (hat @ y - own[:, None] * y) / (1 - own)[:, None]
    return max(_r2(y[near].mean(axis=1), y), _r2(left_out, y))


def _r2(guess: Numbers, y: Numbers) -> float:
    spread = ((y - y.mean(axis=0)) ** 2).sum()
    return float(1 - ((guess - y) ** 2).sum() / spread) if spread else 0.0
