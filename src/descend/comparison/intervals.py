"""Intervals that hold a mean or a share with 95 % confidence."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import stats

Numbers = npt.NDArray[np.float64]

CONFIDENCE = 0.95
RNG_SEED = 0  # the same values give the same interval, always
# Resamples drawn at a time; with all 9,999 at once their means leave the cache: 10 times slower.
BATCH = 100
# A row's values become whole numbers from 0 to this: their sums are exact, so that a resample
# whose mean is the observed one is equal to it, and not above or below by a rounding.
STEPS = 2.0**32


def mean_intervals(samples: Numbers) -> tuple[Numbers, Numbers]:
    """Low and high end of the BCa bootstrap interval of each row's mean; samples: (rows, n > 1).

    The order of a row's values changes nothing, a row's interval does not depend on the others,
    and mirrored values (-x) have the mirrored interval. A row of equal values has that value as
    both ends. A bootstrap knows only the values that it is given: from fewer than about ten its
    intervals are too narrow.
    Source: Efron 1987, Better bootstrap confidence intervals; `scipy.stats.bootstrap`.
    """
    count = samples.shape[1]
    mirrored = np.where(samples.sum(axis=1, keepdims=True) < 0, -1.0, 1.0)
    low = np.min(mirrored * samples, axis=1, keepdims=True)
    width = np.ptp(samples, axis=1, keepdims=True)
    ends = np.repeat(low, 2, axis=1)
    varies = width[:, 0] > 0
    if varies.any():
        steps = np.rint((mirrored * samples - low)[varies] / width[varies] * STEPS)
        found = stats.bootstrap(
            (np.sort(steps, axis=1),),
            np.sum,
            axis=1,
            vectorized=True,
            batch=BATCH,
            confidence_level=CONFIDENCE,
            method="BCa",
            rng=np.random.default_rng(RNG_SEED),
        ).confidence_interval
        found_ends = np.stack([found.low, found.high], axis=1)
        ends[varies] += found_ends / (STEPS * count) * width[varies]
    ends = np.sort(mirrored * ends, axis=1)
    return ends[:, 0], ends[:, 1]


@cache
def share_interval(count: int, total: int) -> tuple[float, float]:
    """Low and high end of the exact interval of a share, `count` of `total`.

    Source: Clopper & Pearson 1934; `scipy.stats.binomtest`.
    """
    found = stats.binomtest(count, total).proportion_ci(CONFIDENCE, method="exact")
    return float(found.low), float(found.high)
