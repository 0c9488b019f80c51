"""Tests of paired differences: how surprising they would be if nothing but chance made them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Numbers = npt.NDArray[np.float64]

EXACT = "exact permutation"
WILCOXON = "Wilcoxon"
EXACT_UP_TO = 13  # differences that are not zero: 2¹³ flips of their signs are counted at once

POWER = 0.8
# Of as many normal differences, Wilcoxon's test sees what a t-test sees in 3/π of them.
WILCOXON_EFFICIENCY = 3 / math.pi


class PairedTest(NamedTuple):
    """What a test says: p is two-sided, direction the sign of its statistic."""

    name: str
    p: float
    direction: float


def paired_test(differences: Numbers) -> PairedTest:
    """The test of differences against the claim that they are as likely to have either sign.

    Zeros say nothing about a direction, so the others decide: up to 13 are tested by their mean
    under all flips of their signs, more by Wilcoxon's signed ranks (exact without ties up to 50,
    else its normal approximation, as in `scipy.stats.wilcoxon`). All zero: p = 1.
    """
    decided = differences[differences != 0]
    if len(decided) <= EXACT_UP_TO:
        return PairedTest(EXACT, exact_permutation(decided), float(np.sign(decided.sum())))
    ranks = stats.rankdata(np.abs(decided))
    direction = float(np.sign((np.sign(decided) * ranks).sum()))
    return PairedTest(WILCOXON, float(stats.wilcoxon(decided).pvalue), direction)


def exact_permutation(differences: Numbers) -> float:
    """The share of all 2^n flips of signs whose mean is as far from zero as the one observed."""
    n = len(differences)
    if n == 0:
        return 1.0
    # Flipping all signs changes no distance, so the first sign stays as it is.
    flips = (np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1
    sums = np.abs((1.0 - 2.0 * flips) @ differences)
    # Sums that are equal on paper differ by their roundings.
    rounding = 1e-12 * np.abs(differences).sum()
    return float(np.mean(sums >= sums[0] - rounding))


def holm(p: Sequence[float], family: int | None = None) -> list[float]:
    """The p-values corrected for being many, so that one of them errs with chance alpha at most.

    The i-th smallest, from 0, becomes the largest (family - j) p_j of j ≤ i, at most 1.
    family: how many tests there are, if these were picked from more.
    Source: Holm 1979, A simple sequentially rejective multiple test procedure.
    """
    family = len(p) if family is None else family
    order = np.argsort(p, kind="stable")
    raised = np.asarray(p, dtype=np.float64)[order] * (family - np.arange(len(p)))
    corrected = np.empty(len(p))
    corrected[order] = np.minimum(np.maximum.accumulate(raised), 1.0)
    return [float(value) for value in corrected]


def least_seeds(alpha: float, family: int = 1) -> int:
    """The fewest seeds with which the exact test can reach alpha / family: 2 / 2^n at best."""
    return next(n for n in range(1, 1100) if family * 0.5 ** (n - 1) <= alpha)


def seeds_for(effect: float, alpha: float, family: int = 1) -> int:
    """The seeds with which a paired test finds an effect with 80 % power at alpha / family.

    n = ((z_{1-a/2} + z_0.8) / effect)² + z²_{1-a/2} / 2 for a t-test, π/3 times that for
    Wilcoxon's. The level is Holm's strictest, which a difference meets that is alone in the
    family, and n is never below the fewest seeds with which the test can reach it.
    effect: size of the differences' mean over their standard deviation, not 0; infinite where all
    are equal.
    Source: Guenther 1981, Sample size formulas for normal theory t tests.
    """
    z = stats.norm.isf(alpha / family / 2)
    n = float(((z + stats.norm.ppf(POWER)) / abs(effect)) ** 2 + z**2 / 2)
    if n > EXACT_UP_TO:
        n /= WILCOXON_EFFICIENCY
    least = least_seeds(alpha, family)
    # With the fewest seeds the exact test asks that all have one sign, which a t-test does not.
    is_enough = stats.norm.cdf(abs(effect)) ** least >= POWER
    return max(math.ceil(n), least if is_enough else least + 1)
