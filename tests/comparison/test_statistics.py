"""Summaries and pairs: fair to both sides, blind to the order of seeds, honest about chance."""

from __future__ import annotations

import dataclasses
import math
import time

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from descend.comparison.intervals import share_interval
from descend.comparison.pair import BETTER, ONE_SEED, UNDECIDED, WORSE, Pair
from descend.comparison.paired_tests import EXACT, WILCOXON, holm, paired_test
from descend.comparison.statistics import best, pairs, summaries

NAN = math.nan
# Hundredths, as accuracies on a small test set: ties and zeros are common. None diverged.
value = st.one_of(st.none(), st.integers(0, 100).map(lambda count: count / 100))


@st.composite
def comparisons(draw: st.DrawFn, most_variants: int = 4, most_seeds: int = 16) -> np.ndarray:
    """Values (variants, seeds), where every variant has a number in some seed."""
    variants, seeds = draw(st.integers(2, most_variants)), draw(st.integers(1, most_seeds))
    rows = st.lists(value, min_size=seeds, max_size=seeds).filter(any_number)
    drawn = draw(st.lists(rows, min_size=variants, max_size=variants))
    return np.array(drawn, dtype=np.float64)


def any_number(row: list[float | None]) -> bool:
    return any(each is not None for each in row)


def pair_of(variant, other, higher_is_better: bool = True) -> Pair:
    """The pair of a variant against another, in a comparison of these two."""
    pair = pairs([other, variant], 0, higher_is_better)[1]
    assert pair is not None
    return pair


def assert_same(one: Pair | None, two: Pair | None) -> None:
    """Equal but for the roundings of sums in another order."""
    assert (one is None) == (two is None)
    if one is not None and two is not None:
        for name, number in dataclasses.asdict(one).items():
            wanted = number
            if isinstance(number, float):
                wanted = pytest.approx(number, rel=1e-6, abs=1e-9)
            assert getattr(two, name) == wanted, name


def test_a_summary_is_numpys() -> None:
    """Mean, standard deviation over n - 1 and median are those of the seeds that have a number."""
    row = np.array([0.9, NAN, 0.8, 0.95, math.inf, 0.7])
    (summary,) = summaries([row], [[True, False, True, True, False, False]])
    known = row[np.isfinite(row)]
    assert (summary.seeds, summary.ended, summary.learned) == (6, 4, 3)
    assert summary.mean == pytest.approx(known.mean(), rel=1e-15)
    assert summary.std == pytest.approx(known.std(ddof=1), rel=1e-15)
    assert summary.median == np.median(known)
    assert summary.share_learned == 0.5
    assert (summary.share_low, summary.share_high) == share_interval(3, 6)


def test_a_summary_says_none_where_there_is_nothing_to_say() -> None:
    """No number: no mean. One number: no spread and no interval. Equal ones: that value."""
    none, one, equal = summaries(
        [[NAN, NAN, NAN], [NAN, 0.5, NAN], [0.1, 0.1, 0.1]], np.zeros((3, 3), dtype=bool)
    )
    assert (none.ended, none.mean, none.std, none.median, none.low, none.high) == (0, *[None] * 5)
    assert (one.ended, one.mean, one.std, one.low, one.high) == (1, 0.5, None, None, None)
    assert (equal.mean, equal.std, equal.low, equal.high) == (0.1, 0.0, 0.1, 0.1)


def test_summaries_do_not_depend_on_their_neighbours() -> None:
    """A variant's summary is the same alone and among variants with other numbers of seeds.

    Tolerance: sums in another order.
    """
    values = np.random.default_rng(0).normal(size=(5, 9))
    values[1, :3] = values[3, 5] = NAN
    learned = values > 0
    together = summaries(values, learned)
    for row, summary in enumerate(together):
        (alone,) = summaries(values[row : row + 1], learned[row : row + 1])
        for name, number in dataclasses.asdict(alone).items():
            assert getattr(summary, name) == pytest.approx(number, rel=1e-9), name


def test_a_hundred_variants_of_twenty_seeds_are_soon_told() -> None:
    """All summaries and pairs take a fraction of a second; 2 seconds allow for a busy machine."""
    values = np.random.default_rng(0).normal(size=(100, 20))
    values[::7, ::3] = NAN
    begun = time.perf_counter()
    summaries(values, values > 0)
    pairs(values, 0, higher_is_better=True)
    assert time.perf_counter() - begun < 2


def test_a_pair_is_scipys() -> None:
    """Difference, effect and p of twenty normal seeds are numpy's and scipy's."""
    rng = np.random.default_rng(1)
    variant, other = rng.normal(0.8, 1, size=20), rng.normal(size=20)
    pair, expected = pair_of(variant, other), variant - other
    assert pair.difference == pytest.approx(expected.mean())
    assert pair.effect == pytest.approx(expected.mean() / expected.std(ddof=1))
    assert (pair.test, pair.p) == (WILCOXON, stats.wilcoxon(expected).pvalue)
    assert pair.p_holm == pair.p
    assert (pair.wins, pair.losses) == ((expected > 0).sum(), (expected < 0).sum())
    assert pair.low is not None
    assert pair.high is not None
    assert pair.low < pair.difference < pair.high


@given(values=comparisons(), higher_is_better=st.booleans())
def test_swapping_the_sides_flips_the_signs(values, higher_is_better) -> None:
    """a against b says of b against a the same with every sign turned."""
    there = pairs(values[:2], 0, higher_is_better)[1]
    back = pairs(values[:2], 1, higher_is_better)[0]
    assert there is not None
    assume(there.difference != 0)  # at 0 the bootstrap has no side to mirror
    turned = dataclasses.replace(
        there,
        difference=-there.difference,
        low=None if there.high is None else -there.high,
        high=None if there.low is None else -there.low,
        effect=None if there.effect is None else -there.effect,
        wins=there.losses,
        losses=there.wins,
        verdict={BETTER: WORSE, WORSE: BETTER}.get(there.verdict, there.verdict),
    )
    assert_same(turned, back)


@given(values=comparisons(), higher_is_better=st.booleans())
def test_negated_values_turn_higher_into_lower(values, higher_is_better) -> None:
    """A metric and its negative, of which the other direction is better, give one verdict."""
    for one, two in zip(
        pairs(values, 0, higher_is_better), pairs(-values, 0, not higher_is_better), strict=True
    ):
        if one is not None and two is not None:
            assert one.verdict == two.verdict
            assert (one.wins, one.losses) == (two.wins, two.losses)
            assert one.p == pytest.approx(two.p)
            assert one.difference == pytest.approx(-two.difference)


@given(values=comparisons(), data=st.data())
def test_the_order_of_the_seeds_does_not_matter(values, data) -> None:
    """Shuffled seeds, the same for all variants, change nothing."""
    order = data.draw(st.permutations(range(values.shape[1])))
    for one, two in zip(pairs(values, 0, True), pairs(values[:, order], 0, True), strict=True):
        if one is not None and one.difference != 0:  # at 0 the bootstrap mirrors by a rounding
            assert_same(one, two)


@given(values=comparisons(), constant=st.integers(-50, 50))
def test_a_constant_added_to_all_changes_nothing(values, constant) -> None:
    """Differences, ties and tests do not see where the zero of the metric is."""
    for one, two in zip(pairs(values, 0, True), pairs(values + constant, 0, True), strict=True):
        if one is None or one.difference != 0:
            assert_same(one, two)


@given(values=comparisons(), higher_is_better=st.booleans())
def test_a_pair_does_not_contradict_itself(values, higher_is_better) -> None:
    """Verdict, sign, p, interval, counts and needed seeds of every pair agree."""
    made = pairs(values, 0, higher_is_better)
    assert made[0] is None
    for pair in made[1:]:
        assert pair is not None
        gain = pair.difference if higher_is_better else -pair.difference
        assert pair.wins + pair.losses + pair.ties == pair.seeds == values.shape[1]
        assert (pair.verdict == ONE_SEED) == (pair.seeds == 1) == (pair.low is None)
        assert pair.p <= pair.p_holm <= 1
        if pair.verdict in (BETTER, WORSE):
            assert pair.p_holm <= pair.alpha
            assert pair.seeds >= pair.least_seeds
            assert pair.seeds_needed == 0
            assert gain >= 0 if pair.verdict == BETTER else gain <= 0
            assert gain != 0 or pair.diverged
        if pair.verdict == UNDECIDED and pair.seeds_needed is not None:
            assert pair.seeds_needed >= max(1, pair.least_seeds - pair.seeds)
        if pair.low is not None and pair.high is not None:
            assert pair.low <= pair.high


@given(values=comparisons(most_variants=6, most_seeds=10), against_best=st.booleans())
def test_all_tests_of_a_comparison_are_corrected_together(values, against_best) -> None:
    """p_holm is Holm's correction of the p of all pairs, or of all that could have been made."""
    made = [pair for pair in pairs(values, 0, True, against_best=against_best) if pair is not None]
    k = len(values)
    family = k * (k - 1) // 2 if against_best else k - 1
    assert [pair.p_holm for pair in made] == holm([pair.p for pair in made], family)


def test_the_best_of_equals_is_not_shown_to_be_better() -> None:
    """Of ten variants that differ by chance alone, the luckiest is hardly ever called better.

    In 200 comparisons about 5 % at most may err; corrected for the 9 pairs made and not for the 45
    that could have been, every sixth did. Tolerance: three standard deviations, 0.046.
    """
    rng = np.random.default_rng(4)
    careless = careful = 0
    for _ in range(200):
        values = rng.normal(size=(10, 20))
        row = best(values, higher_is_better=True)
        rest = [paired_test(other - values[row]).p for other in np.delete(values, row, axis=0)]
        careless += min(holm(rest)) <= 0.05
        careful += min(holm(rest, 45)) <= 0.05
    assert careful / 200 <= 0.05 + 0.046
    assert careless / 200 > 0.1


def test_differences_that_are_equal_on_paper_are_ties() -> None:
    """0.98 - 0.97 and 0.95 - 0.94 differ in floating point, and have one rank all the same."""
    other = np.arange(60, 90) / 100
    steps = np.resize([0.01, 0.01, -0.01, 0.02], 30)
    pair = pair_of(np.round(other + steps, 2), other)
    assert pair.p == stats.wilcoxon(np.round(steps * 100)).pvalue


def test_a_seed_that_diverged_counts_as_the_worst_of_the_comparison() -> None:
    """One side diverged: the worst number that any variant reached; both: a tie."""
    values = [[0.9, 0.9, NAN, 0.9], [0.9, NAN, NAN, 0.8], [0.3, NAN, 0.5, 0.9]]
    pair = pairs(values, 0, higher_is_better=True)[1]
    assert pair is not None
    # 0, 0.3 - 0.9, both at 0.3, -0.1
    assert pair.difference == pytest.approx(-0.7 / 4)
    assert (pair.wins, pair.losses, pair.ties, pair.diverged) == (0, 2, 2, 2)
    pair = pairs(values, 0, higher_is_better=False)[1]
    assert pair is not None
    assert pair.difference == pytest.approx(-0.1 / 4)  # 0.9 is the worst of a metric that falls
    assert (pair.wins, pair.losses, pair.ties) == (1, 1, 2)


def test_to_diverge_is_worse_than_any_number() -> None:
    """A variant that reaches the only value there is or diverges is worse than one that reaches it.

    Every network that ends solves the task: as a value the worst is also the best.
    """
    pair = pair_of([1.0] * 10 + [NAN] * 10, [1.0] * 20)
    assert (pair.verdict, pair.difference, pair.losses, pair.diverged) == (WORSE, 0.0, 10, 10)
    assert (pair.test, pair.p) == (EXACT, 2 / 2**10)
    assert pair_of([1.0] * 20, [1.0] * 10 + [NAN] * 10).verdict == BETTER
    assert pair_of([1.0] * 10 + [NAN] * 10, [1.0] * 20, higher_is_better=False).verdict == WORSE


def test_huge_and_infinite_losses_are_no_numbers() -> None:
    """A loss that can no longer be squared has diverged, and no sum overflows."""
    summary, _ = summaries([[1e300, math.inf, 0.5], [0.4, 0.4, 0.5]], np.zeros((2, 3)))
    assert (summary.ended, summary.mean) == (1, 0.5)
    assert pair_of([1e300, -math.inf, 0.5], [0.4, 0.4, 0.5], higher_is_better=False).diverged == 2


def test_variants_without_numbers_have_no_pair() -> None:
    """A row that diverged in every seed is not tested, and does not count for the correction."""
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(size=(3, 8)), np.full((1, 8), NAN)])
    made = pairs(values, 0, higher_is_better=True)
    assert made == [*pairs(values[:3], 0, higher_is_better=True), None]
    assert pairs(values, 3, higher_is_better=True) == [None] * 4
    assert pairs(values[:1], 0, higher_is_better=True) == [None]


def test_one_seed_decides_nothing() -> None:
    """From one seed there is a difference, but no interval, no effect and no verdict."""
    pair = pair_of([0.9], [0.1])
    assert (pair.verdict, pair.p, pair.seeds_needed) == (ONE_SEED, 1.0, None)
    assert (pair.low, pair.high, pair.effect) == (None, None, None)
    assert pair.difference == pytest.approx(0.8)


def test_a_mean_against_its_ranks_is_no_verdict() -> None:
    """Slightly better in 19 seeds and a disaster in one is neither better nor worse."""
    steps = np.append(np.linspace(0.01, 0.02, 19), -5.0)
    pair = pair_of(0.9 + steps, np.full(20, 0.9))
    assert pair.p_holm <= pair.alpha
    assert (pair.difference < 0, pair.wins, pair.verdict) == (True, 19, UNDECIDED)


def test_the_needed_seeds_settle_the_difference() -> None:
    """With the seeds asked for, new ones of the effect observed show it in about 80 % of cases.

    Tolerance: the share of 500 repetitions has a standard deviation of 0.018.
    """
    rng = np.random.default_rng(5)
    pair = pair_of([0.6 + 1.0, 0.6 - 1.0] * 4, np.zeros(8))  # effect 0.6 / √(8/7)
    assert pair.verdict == UNDECIDED
    assert pair.effect == pytest.approx(0.6 / math.sqrt(8 / 7))
    assert pair.seeds_needed is not None
    n = pair.seeds + pair.seeds_needed
    share = np.mean([paired_test(rng.normal(pair.effect, 1, size=n)).p <= 0.05 for _ in range(500)])
    assert 0.7 <= share <= 0.9


def test_the_best_counts_what_diverged() -> None:
    """A variant that is good where it does not diverge is not the best on average."""
    values = [[0.99, NAN, NAN, 0.2], [0.9, 0.9, 0.9, 0.9], [NAN, NAN, NAN, NAN]]
    assert best(values, higher_is_better=True) == 1
    assert best([[3.0, 1.0], [1.0, 1.0]], higher_is_better=False) == 1
    assert best([[NAN], [NAN]], higher_is_better=True) is None


@given(values=comparisons(), higher_is_better=st.booleans())
def test_nothing_is_better_than_the_best(values, higher_is_better) -> None:
    """Against the best variant every difference is zero or for the worse."""
    row = best(values, higher_is_better)
    assert row is not None
    for pair in pairs(values, row, higher_is_better, against_best=True):
        if pair is not None:
            assert pair.verdict != BETTER or pair.difference == 0
            gain = pair.difference if higher_is_better else -pair.difference
            assert gain <= 1e-12


@given(values=comparisons(most_seeds=14))
def test_the_same_values_give_the_same_statistics(values) -> None:
    """Nothing is left to chance: the resamples of the bootstrap are always the same."""
    assume(values.shape[1] > 1)
    assert pairs(values, 0, True) == pairs(values, 0, True)
