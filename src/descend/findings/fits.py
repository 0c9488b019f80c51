"""Fits: how well the simplest models do on some of the examples, as a measure for the network.

Each score is the share of right answers for classes, and R² for numbers, on rows held out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from descend.findings.measured import NotMeasured, known
from descend.findings.profile import Numbers, Profile

FOLDS = 5
NEIGHBOURS = 5
RIDGES = (1e-3, 0.03, 1.0)  # of the features' variance, which is 1 here
PER_FEATURE = 4  # examples, at least: with fewer a line is judged by its noise
FEW = 33  # examples: fewer are looked at whole
ENOUGH = 100  # examples: from here on a gap of a tenth is none of chance


@dataclass(frozen=True)
class Fits:
    """What a linear model and the nearest neighbours score, and what ignoring the inputs does."""

    linear: float
    neighbours: float
    chance: float
    examples: int

    @property
    def gap(self) -> float:
        """By how much the neighbours are better."""
        return self.neighbours - self.linear


def fits_of(profile: Profile) -> Fits:
    """The scores on the profile's first examples; raises NotMeasured for too few of them."""
    x, y = profile.first, known(profile.first_targets)
    if profile.task not in ("binary", "multiclass", "regression") or len(x) < FEW:
        raise NotMeasured
    x, targets = _standard(x), _columns(profile, y)
    if len(x) < PER_FEATURE * x.shape[1]:
        raise NotMeasured
    model = line if profile.task == "regression" else discriminants
    fold = np.arange(len(x)) % FOLDS
    lines, near = np.zeros((len(RIDGES), *targets.shape)), np.zeros_like(targets)
    for k in range(FOLDS):
        out, seen = fold == k, fold != k
        for answers, ridge in zip(lines, RIDGES, strict=True):
            answers[out] = model(x[seen], targets[seen], x[out], ridge)
        near[out] = _neighbours(x[seen], targets[seen], x[out])
    score = _r2 if profile.task == "regression" else _accuracy
    chance = 0.0 if profile.task == "regression" else float(targets.mean(axis=0).max())
    best = max(score(answers, targets) for answers in lines)
    return Fits(best, score(near, targets), chance, len(x))


def no_line_separates(profile: Profile) -> bool:
    """Whether two classes of a few examples can be told apart, but by no straight line."""
    x, y = profile.first, known(profile.first_targets).reshape(len(profile.first), -1)
    if profile.task != "binary" or len(x) >= FEW or not 0 < y.mean() < 1:
        raise NotMeasured
    if len(np.unique(x, axis=0)) < len(np.unique(np.c_[x, y], axis=0)):
        return False  # equal inputs with both answers: nothing separates these
    from scipy.optimize import linprog

    sign = np.where(y[:, 0] > 0.5, 1.0, -1.0)[:, None]
    beside = np.c_[_standard(x), np.ones(len(x))] * -sign  # a line: sign · (x w + b) ≥ 1 for all
    found = linprog(
        np.zeros(beside.shape[1]), A_ub=beside, b_ub=-np.ones(len(x)), bounds=(None, None)
    )
    return bool(found.status == 2)


def _standard(x: Numbers) -> Numbers:
    spread = x.std(axis=0)
    varies = spread > 0
    if not varies.any():
        raise NotMeasured
    standard: Numbers = (x[:, varies] - x[:, varies].mean(axis=0)) / spread[varies]
    return standard


def _columns(profile: Profile, y: Numbers) -> Numbers:
    """Numbers as they are, classes as a column each."""
    if profile.task == "regression":
        return y.reshape(len(y), -1)
    classes = y.reshape(len(y)).astype(np.int64)
    one_hot: Numbers = np.eye(int(classes.max()) + 1)[classes]
    if one_hot.shape[1] < 2:
        raise NotMeasured
    return one_hot


def line(x: Numbers, y: Numbers, new: Numbers, ridge: float) -> Numbers:
    """Least squares with a little ridge, none of it on the level: answers (new, columns)."""
    centre, level = x.mean(axis=0), y.mean(axis=0)
    x, y, new = x - centre, y - level, new - centre
    gram = x.T @ x + ridge * len(x) * np.eye(x.shape[1])
    answers: Numbers = new @ np.linalg.solve(gram, x.T @ y) + level
    return answers


def discriminants(x: Numbers, classes: Numbers, new: Numbers, ridge: float) -> Numbers:
    """Linear discriminants of classes (examples, classes), a column each: scores (new, classes).

    log p(k) + xᵀ C⁻¹ μₖ - ½ μₖᵀ C⁻¹ μₖ, with C the covariance within classes and a little ridge.
    Of three classes in a row the middle one has never the largest of three fitted lines: least
    squares would miss what lines can do.
    Reference: Hastie, Tibshirani & Friedman 2009, "The Elements of Statistical Learning", 4.2-4.3.
    """
    centre, counts = x.mean(axis=0), classes.sum(axis=0)
    x, new = x - centre, new - centre
    means = classes.T @ x / np.maximum(counts, 1)[:, None]
    within = x - classes @ means
    covariance = within.T @ within / len(x) + ridge * np.eye(x.shape[1])
    weights = np.linalg.solve(covariance, means.T)
    level = np.log(np.maximum(counts, 1e-9) / len(x)) - (means * weights.T).sum(axis=1) / 2
    scores: Numbers = new @ weights + level
    return scores


def _neighbours(x: Numbers, y: Numbers, new: Numbers) -> Numbers:
    """The mean of the nearest examples' targets."""
    distance = (new**2).sum(axis=1)[:, None] + (x**2).sum(axis=1) - 2 * new @ x.T
    nearest = np.argpartition(distance, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    mean: Numbers = y[nearest].mean(axis=1)
    return mean


def _accuracy(guess: Numbers, targets: Numbers) -> float:
    return float((guess.argmax(axis=1) == targets.argmax(axis=1)).mean())


def _r2(guess: Numbers, targets: Numbers) -> float:
    spread = ((targets - targets.mean(axis=0)) ** 2).sum()
    if spread == 0:
        raise NotMeasured
    return float(1 - ((guess - targets) ** 2).sum() / spread)
