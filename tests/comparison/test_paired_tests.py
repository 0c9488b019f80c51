"""Paired tests: brute force and scipy agree, chance is not taken for a difference, power holds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from descend.comparison.paired_tests import (
    EXACT,
    WILCOXON,
    exact_permutation,
    holm,
    least_seeds,
    paired_test,
    seeds_for,
)

whole_differences = st.lists(st.integers(-4, 4), min_size=1, max_size=8)


def mean_of(values: np.ndarray, axis: int) -> np.ndarray:
    return values.mean(axis=axis)


@given(differences=whole_differences)
def test_the_permutation_test_is_the_count_over_all_flips(differences) -> None:
    """p is the share of sign flips at least as far from zero: integers leave no rounding."""
    flips = itertools.product((1, -1), repeat=len(differences))
    sums = [abs(sum(s * d for s, d in zip(flip, differences, strict=True))) for flip in flips]
    expected = np.mean([each >= abs(sum(differences)) for each in sums])
    assert exact_permutation(np.array(differences, dtype=float)) == expected
    # Tenths are not exact in floating point, and count the same.
    assert exact_permutation(np.array(differences) * 0.1) == expected


@pytest.mark.parametrize("n", [2, 5, 9, 13])
def test_the_permutation_test_is_the_one_of_scipy(n) -> None:
    """`scipy.stats.permutation_test` of the mean of paired samples gives the same p."""
    differences = np.random.default_rng(n).normal(0.5, 1, size=n)
    theirs = stats.permutation_test(
        (differences,), mean_of, permutation_type="samples", n_resamples=np.inf, vectorized=True
    )
    assert exact_permutation(differences) == pytest.approx(theirs.pvalue, rel=1e-12)


def test_zeros_do_not_change_the_permutation_test() -> None:
    """Flipping a zero changes no sum, so that they need not be counted."""
    differences = np.array([0.3, 0.1, -0.2, 0.4])
    with_zeros = np.concatenate([differences, np.zeros(5)])
    assert exact_permutation(with_zeros) == exact_permutation(differences)
    assert paired_test(with_zeros).p == exact_permutation(differences)


def test_differences_that_are_all_zero_are_no_surprise() -> None:
    """Seeds that ended alike give p = 1 whatever their number."""
    assert paired_test(np.zeros(40)) == (EXACT, 1.0, 0.0)


def test_few_differences_are_permuted_and_many_are_ranked() -> None:
    """Thirteen differences that are not zero are tested exactly, fourteen by Wilcoxon's test."""
    differences = np.random.default_rng(0).normal(size=14)
    assert paired_test(differences[:13]).name == EXACT
    assert paired_test(np.append(differences[:13], [0.0, 0.0])).name == EXACT
    found = paired_test(differences)
    assert (found.name, found.p) == (WILCOXON, stats.wilcoxon(differences).pvalue)


def test_wilcoxon_drops_zeros_and_shares_ranks_among_ties() -> None:
    """With zeros and ties p is scipy's for `zero_method="wilcox"`."""
    differences = np.round(np.random.default_rng(1).normal(0.3, 1, size=40), 1)
    assert (differences == 0).any()
    theirs = stats.wilcoxon(differences, zero_method="wilcox", method="asymptotic")
    assert paired_test(differences).p == pytest.approx(theirs.pvalue, rel=1e-12)


@given(differences=st.lists(st.floats(-9, 9, width=16), min_size=1, max_size=20).map(np.array))
def test_mirrored_differences_are_the_same_surprise_in_the_other_direction(differences) -> None:
    """p is symmetric, the direction is not."""
    there, back = paired_test(differences), paired_test(-differences)
    assert there.p == pytest.approx(back.p, rel=1e-12)
    assert there.direction == -back.direction


DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n) - rng.normal(size=n),
    "skewed": lambda rng, n: rng.exponential(size=n) - rng.exponential(size=n),
    "tied": lambda rng, n: np.round(2 * rng.normal(size=n)) / 50,
}


@pytest.mark.parametrize("n", [6, 12, 20])
@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_chance_is_shown_as_a_difference_no_more_often_than_alpha(n, draw) -> None:
    """Without a difference, p ≤ 0.05 in at most 5 % of 1,000 repetitions.

    Tolerance: three standard deviations of that share, 3 √(0.05 · 0.95 / 1000) = 0.02.
    """
    rng = np.random.default_rng(n)
    share = np.mean([paired_test(draw(rng, n)).p <= 0.05 for _ in range(1000)])
    assert share <= 0.05 + 0.02


@given(p=st.lists(st.floats(0, 1), min_size=1, max_size=8), extra=st.integers(0, 5))
def test_holm_is_its_definition(p, extra) -> None:
    """Each p becomes the largest (family - rank) · p of those not above it, at most 1."""
    family = len(p) + extra
    order = sorted(range(len(p)), key=lambda place: p[place])
    for rank, place in enumerate(order):
        products = [(family - j) * p[order[j]] for j in range(rank + 1)]
        assert holm(p, family)[place] == min(1.0, max(products))


def test_holm_steps_down() -> None:
    """Step by step, a p is shown while it is at most alpha / (tests that are left)."""
    p = [0.01, 0.04, 0.03, 0.005]
    assert holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(alpha=st.floats(1e-9, 0.5), family=st.integers(1, 100))
def test_the_least_seeds_can_show_a_difference_and_one_fewer_cannot(alpha, family) -> None:
    """With n differences of one sign the exact test gives 2 / 2^n, times the family."""
    n = least_seeds(alpha, family)
    assert family * 2 * 0.5**n <= alpha
    assert family * 2 * 0.5 ** (n - 1) > alpha


def test_least_seeds_at_five_per_cent() -> None:
    """Six seeds can show a difference at 5 %, five cannot, as 2 / 2⁵ = 0.0625."""
    assert least_seeds(0.05) == 6
    assert exact_permutation(np.ones(5)) == 2 / 2**5
    assert exact_permutation(np.ones(6)) == 2 / 2**6


@pytest.mark.parametrize("family", [1, 10])
@pytest.mark.parametrize("effect", [0.3, 0.5, 0.8, 1.0, 1.2, 1.5])
def test_the_suggested_seeds_have_the_power(effect, family) -> None:
    """With as many seeds as suggested, a difference of that size is shown in about 80 % of cases.

    Tolerance: the share of 500 repetitions has a standard deviation of 0.018; the exact test of
    few seeds has few values for p, which costs or adds up to 0.1.
    """
    rng = np.random.default_rng(3)
    n = seeds_for(effect, 0.05, family)
    share = np.mean(
        [family * paired_test(rng.normal(effect, 1, size=n)).p <= 0.05 for _ in range(500)]
    )
    assert 0.68 <= share <= 0.92


@pytest.mark.parametrize("effect", [0.1, 0.4, 0.9])
def test_the_suggested_seeds_are_those_of_the_t_test(effect) -> None:
    """π/3 times the seeds at which the noncentral t distribution gives a t-test 80 % power.

    Tolerance: one seed, for the closed form and for rounding up.
    """

    def power(n: int) -> float:
        bound = stats.t.isf(0.025, n - 1)
        return float(stats.nct.sf(bound, n - 1, effect * np.sqrt(n)))

    exact = next(n for n in itertools.count(2) if power(n) >= 0.8)
    assert abs(seeds_for(effect, 0.05) - exact * np.pi / 3) <= 1.5


@given(effect=st.floats(1e-9, 1e9), family=st.integers(1, 50))
def test_a_smaller_effect_needs_no_fewer_seeds(effect, family) -> None:
    """The seeds fall with the size of the effect, not with its sign, and never below the least."""
    n = seeds_for(effect, 0.05, family)
    assert n >= least_seeds(0.05, family)
    assert n == seeds_for(-effect, 0.05, family)
    assert seeds_for(effect / 2, 0.05, family) >= n
    assert seeds_for(np.inf, 0.05, family) == least_seeds(0.05, family)
