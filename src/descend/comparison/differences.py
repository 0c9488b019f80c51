"""Two variants seed by seed: who is ahead and by how much, also where one of them diverged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

# Squares of larger values overflow: a loss beyond it is none.
LARGEST = 1e100
# Values that differ by less, relatively, differ by their roundings.
ROUNDING = 1e-12


@dataclass(frozen=True)
class Differences:
    """Variant - other, one number a seed.

    values: with the worst number of the comparison for a side that diverged.
    tested: the same, but that a side that diverged is never as good as one that did not: where
    the values are equal, it is behind by the smallest difference that there is elsewhere, by 1
    if there is none. Otherwise networks that either solve a task or diverge would all be equal.
    wins, losses: seeds in which the variant is better, worse. diverged: seeds in which either is.
    """

    values: Numbers
    tested: Numbers
    wins: int
    losses: int
    diverged: int


def numbers(values: npt.ArrayLike) -> Numbers:
    """The values (variants, seeds) with NaN for everything that is no number to reckon with."""
    given = np.array(values, dtype=np.float64)
    given[~(np.abs(given) <= LARGEST)] = np.nan
    return given


def worst_of(known: Numbers, higher_is_better: bool) -> float:
    """The worst number of the comparison; there must be one."""
    return float(np.nanmin(known) if higher_is_better else np.nanmax(known))


def differences(
    variant: Numbers, other: Numbers, worst: float, higher_is_better: bool
) -> Differences:
    """The differences of two variants with values (seeds,), NaN where one diverged."""
    own, its = (np.where(np.isnan(side), worst, side) for side in (variant, other))
    values = _without_roundings(own - its, ROUNDING * np.maximum(np.abs(own), np.abs(its)))
    # 1 where only the other diverged, -1 where only the variant did
    survived = np.isnan(other).astype(np.float64) - np.isnan(variant)
    better = 1.0 if higher_is_better else -1.0
    least = np.abs(values[values != 0]).min(initial=np.inf)
    least = least if np.isfinite(least) else 1.0
    tested = np.where(values == 0, better * survived * least, values)
    return Differences(
        values=values,
        tested=tested,
        wins=int(np.sum(better * tested > 0)),
        losses=int(np.sum(better * tested < 0)),
        diverged=int(np.isnan(variant + other).sum()),
    )


def _without_roundings(differences: Numbers, rounding: Numbers) -> Numbers:
    """Differences of one size, or of size 0, as exactly that: tests rank them and count ties.

    0.98 - 0.97 and 0.95 - 0.94 are no longer equal in floating point.
    """
    order = np.argsort(np.abs(differences))
    sizes = np.abs(differences)[order]
    is_new = np.diff(sizes, prepend=0.0) > rounding[order]
    equal = np.concatenate([[0.0], sizes[is_new]])[np.cumsum(is_new)]
    result = np.empty_like(differences)
    result[order] = equal
    return result * np.sign(differences)
