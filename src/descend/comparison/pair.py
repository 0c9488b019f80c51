"""A pair of variants: what the seeds say of one against the other."""

from __future__ import annotations

from dataclasses import dataclass

BETTER, WORSE = "better", "worse"
UNDECIDED, ONE_SEED = "no difference shown", "one seed"


@dataclass(frozen=True)
class Pair:
    """A variant against another, seed by seed.

    difference: mean of variant - other, in the metric's unit, within low to high with 95 %
    confidence; effect: the mean of the differences over their standard deviation (Cohen's d_z).
    wins, losses, ties: seeds in which the variant is better, worse, neither.
    diverged: seeds in which one side or both ended without a number. For the differences and
    tests such a side has the worst number that any variant of the comparison reached, so that
    a seed in which both diverged is a tie; for wins and losses it is worse than any number.
    p: of the test named; p_holm: corrected for all the tests of its family, and what is held
    against alpha. least_seeds: the fewest seeds with which a difference can be shown.
    seeds_needed: how many more would show a difference as large as the one observed, with 80 %
    power; 0 where it is shown, None where there is none or one seed cannot tell.
    """

    seeds: int
    difference: float
    low: float | None
    high: float | None
    effect: float | None
    wins: int
    losses: int
    ties: int
    diverged: int
    test: str
    p: float
    p_holm: float
    alpha: float
    verdict: str
    least_seeds: int
    seeds_needed: int | None
