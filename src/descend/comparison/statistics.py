"""What the seeds of a comparison say: a summary of each variant, a test of each pair."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from descend.comparison.differences import ROUNDING, Differences, differences, numbers, worst_of
from descend.comparison.intervals import mean_intervals, share_interval
from descend.comparison.pair import BETTER, ONE_SEED, UNDECIDED, WORSE, Pair
from descend.comparison.paired_tests import PairedTest, holm, least_seeds, paired_test, seeds_for

Numbers = npt.NDArray[np.float64]

ALPHA = 0.05


@dataclass(frozen=True)
class Summary:
    """One variant over its seeds; what needs more numbers than there are is None.

    seeds: all of them; ended: those that ended with a number, which the statistics are of.
    std: over n - 1. low, high: 95 % interval of the mean. learned: seeds that reached the
    success mark; share_learned: of all seeds, from share_low to share_high with 95 % confidence.
    """

    seeds: int
    ended: int
    mean: float | None
    std: float | None
    median: float | None
    low: float | None
    high: float | None
    learned: int
    share_learned: float
    share_low: float
    share_high: float


def summaries(values: npt.ArrayLike, learned: npt.ArrayLike) -> list[Summary]:
    """A summary of each variant.

    values: (variants, seeds), NaN where a seed ended without a number; learned: the same shape.
    """
    known = numbers(values)
    ended = [row[np.isfinite(row)] for row in known]
    hits = np.asarray(learned, dtype=bool).sum(axis=1)
    lows, highs = _intervals(ended)
    return [
        _summary(sample, known.shape[1], int(hit), low, high)
        for sample, hit, low, high in zip(ended, hits, lows, highs, strict=True)
    ]


def best(values: npt.ArrayLike, higher_is_better: bool) -> int | None:
    """The row with the best mean, None where no row has a number.

    A seed without a number counts as the worst of the comparison, as it does in `pairs`.
    """
    known = numbers(values)
    rows = _rows_with_numbers(known)
    if not rows:
        return None
    filled = np.where(np.isnan(known), worst_of(known, higher_is_better), known)
    means = filled.mean(axis=1) * (1 if higher_is_better else -1)
    return max(rows, key=lambda row: float(means[row]))


def pairs(
    values: npt.ArrayLike,
    against: int,
    higher_is_better: bool,
    alpha: float = ALPHA,
    against_best: bool = False,
) -> list[Pair | None]:
    """Every variant against the row `against`, paired by seed.

    None for that row itself, and where either side has no number in any seed.
    values: (variants, seeds), NaN where a seed ended without a number.
    against_best: whether the row was picked because it is best. What is picked for its results
    owes some of them to luck, so that Holm's correction is then for all the pairs that could
    have been picked, k (k - 1) / 2 of k variants, and not for these k - 1 alone.
    """
    known = numbers(values)
    made: list[Pair | None] = [None] * len(known)
    rows = _rows_with_numbers(known)
    if against not in rows or len(rows) == 1:
        return made
    rows.remove(against)
    worst = worst_of(known, higher_is_better)
    found = [differences(known[row], known[against], worst, higher_is_better) for row in rows]
    tests = [paired_test(each.tested) for each in found]
    family = len(rows) * (len(rows) + 1) // 2 if against_best else len(rows)
    corrected = holm([test.p for test in tests], family)
    lows, highs = _intervals([each.values for each in found])
    for place, row in enumerate(rows):
        each, test = found[place], tests[place]
        verdict = _verdict(each, test, corrected[place] <= alpha, higher_is_better)
        made[row] = Pair(
            seeds=len(each.values),
            difference=_mean(each.values),
            low=lows[place],
            high=highs[place],
            effect=_effect(each.values),
            wins=each.wins,
            losses=each.losses,
            ties=len(each.values) - each.wins - each.losses,
            diverged=each.diverged,
            test=test.name,
            p=test.p,
            p_holm=corrected[place],
            alpha=alpha,
            verdict=verdict,
            least_seeds=least_seeds(alpha, family),
            seeds_needed=_seeds_needed(each.tested, verdict, alpha, family),
        )
    return made


def _rows_with_numbers(known: Numbers) -> list[int]:
    return [row for row, values in enumerate(known) if np.isfinite(values).any()]


def _summary(
    sample: Numbers, seeds: int, learned: int, low: float | None, high: float | None
) -> Summary:
    ended = len(sample)
    share_low, share_high = share_interval(learned, seeds)
    return Summary(
        seeds=seeds,
        ended=ended,
        mean=_mean(sample) if ended else None,
        std=_spread(sample) if ended > 1 else None,
        median=float(np.median(sample)) if ended else None,
        low=low,
        high=high,
        learned=learned,
        share_learned=learned / seeds,
        share_low=share_low,
        share_high=share_high,
    )


def _intervals(samples: list[Numbers]) -> tuple[list[float | None], list[float | None]]:
    """Ends of the interval of each sample's mean, None where it has fewer than two numbers."""
    lows: list[float | None] = [None] * len(samples)
    highs = lows.copy()
    by_length: dict[int, list[int]] = {}
    for place, sample in enumerate(samples):
        by_length.setdefault(len(sample), []).append(place)
    for length, places in by_length.items():
        if length > 1:
            ends = mean_intervals(np.stack([samples[place] for place in places]))
            for place, low, high in zip(places, *ends, strict=True):
                lows[place], highs[place] = float(low), float(high)
    return lows, highs


def _mean(sample: Numbers) -> float:
    """The mean, never outside the values, and 0 where they cancel but for their roundings."""
    mean = float(np.clip(sample.mean(), sample.min(), sample.max()))
    return 0.0 if abs(mean) <= ROUNDING * np.abs(sample).max() else mean


def _spread(sample: Numbers) -> float:
    """The standard deviation over n - 1, 0 for equal values, whose mean may have been rounded."""
    return float(sample.std(ddof=1)) if np.ptp(sample) else 0.0


def _effect(differences: Numbers) -> float | None:
    """Cohen's d_z, None where the differences do not vary."""
    spread = _spread(differences) if len(differences) > 1 else 0.0
    return _mean(differences) / spread if spread else None


def _verdict(each: Differences, test: PairedTest, is_shown: bool, higher_is_better: bool) -> str:
    if len(each.values) == 1:
        return ONE_SEED
    # A mean may point away from most seeds and their ranks: then neither word is true.
    is_one_way = test.direction * _mean(each.values) > 0 or not each.values.any()
    if not (is_shown and is_one_way):
        return UNDECIDED
    return BETTER if (test.direction > 0) == higher_is_better else WORSE


def _seeds_needed(tested: Numbers, verdict: str, alpha: float, family: int) -> int | None:
    if verdict in (BETTER, WORSE):
        return 0
    if verdict == ONE_SEED or _mean(tested) == 0:
        return None
    effect = _effect(tested)
    needed = seeds_for(math.inf if effect is None else effect, alpha, family)
    return max(1, needed - len(tested))
