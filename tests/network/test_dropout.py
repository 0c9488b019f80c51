"""Dropout silences units at its rate, keeps the mean, and depends on seed, layer and step alone."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from descend.network.dropout import Dropout


def dropout(rates: list[float], seeds: list[int], layer: int, batch: int, units: int) -> Dropout:
    rate = torch.tensor(rates, dtype=torch.float64).view(-1, 1, 1)
    return Dropout(rate, torch.tensor(seeds), layer, batch, units)


def mask(rate: float, seed: int, layer: int, step: int, batch: int = 40, units: int = 50) -> Tensor:
    made = dropout([rate], [seed], layer, batch, units)
    made.begin(step)
    return made.mask[0].clone()


@given(
    st.lists(st.floats(0, 0.99), min_size=1, max_size=4),
    st.integers(1, 5),
    st.integers(1, 9),
    st.integers(0, 1000),
    st.integers(0, 2**31),
)
def test_outputs_and_gradients_are_products_with_one_mask(
    rates: list[float], batch: int, units: int, step: int, seed: int
) -> None:
    """y = x m / (1 - p) and dx = dy m / (1 - p) with the same m of zeros and ones."""
    made = dropout(rates, list(range(seed, seed + len(rates))), 1, batch, units)
    made.begin(step)
    x, dy = torch.randn(2, len(rates), batch, units, dtype=torch.float64)
    factors = made.mask.clone()
    assert torch.equal(made.forward(x), x * factors)
    assert torch.equal(made.backward(dy.clone()), dy * factors)
    for rate, own in zip(rates, factors, strict=True):
        # p is the multiple of 1/65536 next to the rate
        kept = 1 / (1 - min(round(rate * 65536), 65535) / 65536)
        is_kept = own != 0
        torch.testing.assert_close(own, is_kept.double() * kept, rtol=1e-12, atol=0)


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.9, 0.999])
def test_expectation_and_variance_are_those_of_dropout(rate: float) -> None:
    """Over 2 million draws E m = 1 and Var m = p / (1 - p), within 5 standard errors."""
    drawn = torch.stack([mask(rate, seed=1, layer=0, step=step) for step in range(1000)])
    n, p = drawn.numel(), rate
    variance = p / (1 - p)
    assert abs(drawn.mean() - 1) < 5 * math.sqrt(variance / n)
    # of the fourth central moment of a factor that is 0 or 1 / (1 - p)
    fourth = p + (1 - p) * (p / (1 - p)) ** 4
    # plus the square of the mean's error, all that is left at p = ½
    assert (
        abs(drawn.var() - variance) < 5 * math.sqrt((fourth - variance**2) / n) + 25 * variance / n
    )


@pytest.mark.parametrize("rate", [1e-6, 0.3, 0.99999, 1 - 1e-9])
def test_no_rate_changes_the_expectation(rate: float) -> None:
    """The share that is kept times the factor is 1 exactly, also where 1/65536 is too coarse."""
    made = dropout([rate], [0], 0, 1, 1)
    kept_values = 32768 - int(made.threshold)  # of the 65536 that a draw can be
    assert kept_values >= 1
    assert kept_values / 65536 * float(made.kept) == pytest.approx(1, rel=1e-12)


def test_a_rate_of_0_changes_nothing() -> None:
    """A run without dropout beside one with it keeps its activations bit for bit."""
    made = dropout([0.0, 0.5], [1, 2], 0, 30, 30)
    made.begin(0)
    x = torch.randn(2, 30, 30, dtype=torch.float64)
    assert torch.equal(made.forward(x)[0], x[0])
    assert not torch.equal(made.forward(x)[1], x[1])


def test_the_same_step_has_the_same_mask() -> None:
    """Also after other steps, in another order, and from a new object, as in a resumed run."""
    made = dropout([0.5], [3], 2, 40, 50)
    masks: dict[int, Tensor] = {}
    for step in (0, 5, 1, 5, 0):
        made.begin(step)
        masks.setdefault(step, made.mask[0].clone())
        assert torch.equal(made.mask[0], masks[step])
        assert torch.equal(made.mask[0], mask(0.5, seed=3, layer=2, step=step))


def test_a_run_does_not_see_its_neighbours() -> None:
    """A run's mask among others, in any order and with other rates beside it, is its mask alone."""
    rates, seeds = [0.5, 0.1, 0.7], [3, 4, 5]
    for order in ([0, 1, 2], [2, 0, 1], [1]):
        made = dropout([rates[i] for i in order], [seeds[i] for i in order], 1, 40, 50)
        made.begin(9)
        for row, i in enumerate(order):
            assert torch.equal(made.mask[row], mask(rates[i], seeds[i], layer=1, step=9))


def test_layers_steps_and_seeds_have_masks_of_their_own() -> None:
    """Two of them agree in about half of the units at a rate of ½, within 5 standard errors."""
    base = mask(0.5, seed=3, layer=2, step=7)
    others = [mask(0.5, 3, layer, 7) for layer in (0, 1, 3)]
    others += [mask(0.5, 3, 2, step) for step in (6, 8, 7 + 2**32)]
    others += [mask(0.5, seed, 2, 7) for seed in (0, 2, 4, 2**40 + 3)]
    for other in others:
        agreement = (base == other).double().mean()
        assert abs(agreement - 0.5) < 5 * 0.5 / math.sqrt(base.numel())


def test_a_smaller_batch_has_the_first_rows_of_the_larger_ones_mask() -> None:
    """The last, partial batch of an epoch draws from the same places."""
    large, small = mask(0.3, 1, 0, 4, batch=32), mask(0.3, 1, 0, 4, batch=9)
    assert torch.equal(large[:9], small)


def test_masks_do_not_depend_on_the_precision() -> None:
    """float32 and float64 networks with one seed silence the same units."""
    rate = torch.full((1, 1, 1), 0.3)
    made = [
        Dropout(rate.to(dtype), torch.tensor([1]), 0, 9, 9)
        for dtype in (torch.float32, torch.float64)
    ]
    for one in made:
        one.begin(3)
    assert torch.equal(made[0].mask == 0, made[1].mask == 0)
