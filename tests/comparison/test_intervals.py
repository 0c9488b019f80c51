"""Intervals: scipy's numbers, mirrored where the values are, whatever the order of the seeds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from descend.comparison.intervals import mean_intervals, share_interval

samples = st.lists(
    st.floats(-1e6, 1e6, allow_subnormal=False), min_size=2, max_size=12, unique=True
).map(np.array)


def test_a_mean_has_the_interval_of_scipy() -> None:
    """The ends are those of `scipy.stats.bootstrap` from as many resamples of other seeds.

    Tolerance: an end of 9,999 resamples scatters by about 2 % of the interval's width.
    """
    values = np.random.default_rng(0).exponential(size=(4, 20))
    low, high = mean_intervals(values)
    for row, sample in enumerate(values):
        other = stats.bootstrap((sample,), np.mean, rng=np.random.default_rng(9))
        width = other.confidence_interval.high - other.confidence_interval.low
        np.testing.assert_allclose(
            [low[row], high[row]], other.confidence_interval, rtol=0, atol=0.06 * width
        )


def test_the_interval_is_the_one_of_scipy_with_the_same_resamples() -> None:
    """On ascending values with a positive mean the generator of the module gives its numbers.

    Tolerance: the module rounds values to 2⁻³² of their range.
    """
    values = np.sort(np.random.default_rng(1).exponential(size=15))
    low, high = mean_intervals(values[None])
    same = stats.bootstrap((values,), np.mean, batch=100, rng=np.random.default_rng(0))
    np.testing.assert_allclose([low[0], high[0]], same.confidence_interval, rtol=1e-8)


def test_intervals_hold_the_mean_as_often_as_they_say() -> None:
    """Of 500 samples of 20, the share whose interval holds the true mean is about 95 %.

    A bootstrap of 20 values is known to be too narrow by a few hundredths; by chance the share
    may fall by another 0.02.
    """
    values = np.random.default_rng(2).normal(size=(500, 20))
    low, high = mean_intervals(values)
    assert 0.89 <= np.mean((low <= 0) & (high >= 0)) <= 0.98


@given(sample=samples, data=st.data())
def test_the_order_and_the_neighbours_of_values_do_not_matter(sample, data) -> None:
    """A row's interval is the same shuffled, alone, and beside other rows.

    Tolerance: scipy sums the cubes of a row in an order that depends on the number of rows.
    """
    # The sum of shuffled values may round to the other side of zero, and mirrors then.
    assume(abs(sample.mean()) > 1e-9 * np.abs(sample).max())
    shuffled = np.array(data.draw(st.permutations(sample.tolist())))
    alone = mean_intervals(sample[None])
    beside = mean_intervals(np.stack([shuffled, np.arange(len(sample)), sample]))
    for one, three in zip(alone, beside, strict=True):
        np.testing.assert_allclose(three[[0, 2]], one[0], rtol=0, atol=1e-9 * np.ptp(sample))


@given(sample=samples)
def test_mirrored_values_have_the_mirrored_interval(sample) -> None:
    """The interval of -x is the interval of x with its ends swapped and negated."""
    assume(abs(sample.mean()) > 1e-9 * np.abs(sample).max())
    low, high = mean_intervals(sample[None])
    mirrored_low, mirrored_high = mean_intervals(-sample[None])
    assert (mirrored_low[0], mirrored_high[0]) == (-high[0], -low[0])


@given(sample=samples)
def test_an_interval_lies_among_the_values(sample) -> None:
    """Both ends are finite and no further out than the values, even of two values an ulp apart.

    Tolerance: the ends are computed on the scale from 0 to 1.
    """
    low, high = mean_intervals(sample[None])
    slack = 1e-12 * np.abs(sample).max()
    assert sample.min() - slack <= low[0] <= high[0] <= sample.max() + slack


def test_values_that_differ_by_a_rounding_have_an_interval() -> None:
    """One ulp between values does not end in NaN."""
    low, high = mean_intervals(np.array([[1.0, np.nextafter(1.0, 2.0), 1.0]]))
    assert 1.0 <= low[0] <= high[0] <= np.nextafter(1.0, 2.0)


@given(value=st.floats(-1e9, 1e9), n=st.integers(2, 9))
def test_equal_values_are_their_interval(value, n) -> None:
    """Where all values are one, both ends are that value exactly, also beside rows that vary."""
    low, high = mean_intervals(np.stack([np.full(n, value), np.arange(float(n))]))
    assert low[0] == high[0] == value


@pytest.mark.parametrize(
    ("count", "total", "expected"),
    [
        (20, 20, (0.025 ** (1 / 20), 1.0)),  # closed forms of Clopper and Pearson's ends
        (0, 20, (0.0, 1 - 0.025 ** (1 / 20))),
        (0, 1, (0.0, 0.975)),
    ],
)
def test_a_share_has_its_exact_interval(count, total, expected) -> None:
    """All and none have intervals with closed forms."""
    assert share_interval(count, total) == pytest.approx(expected, rel=1e-9)


def test_a_share_is_the_quantile_of_a_beta_distribution() -> None:
    """Between none and all the ends are quantiles of beta distributions."""
    low, high = share_interval(7, 20)
    assert low == pytest.approx(stats.beta.ppf(0.025, 7, 14), rel=1e-9)
    assert high == pytest.approx(stats.beta.ppf(0.975, 8, 13), rel=1e-9)
