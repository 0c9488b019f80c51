"""Batch normalisation is that of `torch.nn.BatchNorm1d`, run by run."""

from __future__ import annotations

from typing import NamedTuple

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import BatchNorm1d

from descend.network.batch_norm import BatchNorm, FrozenBatchNorm

EXACT = 1e-10  # float64 carries 16 digits; small variances cost up to 3 of them


class Layer(NamedTuple):
    norm: BatchNorm
    frozen: FrozenBatchNorm
    oracles: list[BatchNorm1d]


def layer(runs: int, batch: int, units: int, dtype: torch.dtype = torch.float64) -> Layer:
    """Our layer and torch's for each run, with the same random γ, β and running statistics.

    Each run has an ε and a momentum of its own, the first one those that are usual.
    """
    eps = torch.tensor([1e-5, 1e-3, 0.1, 1e-8][:runs], dtype=dtype).view(-1, 1, 1)
    momentum = torch.tensor([0.1, 0.01, 1.0, 0.5][:runs], dtype=dtype).view(-1, 1, 1)
    scale, shift, mean, var = (torch.rand(runs, 1, units, dtype=dtype) + 0.5 for _ in range(4))
    oracles = []
    for run in range(runs):
        oracle = BatchNorm1d(units, float(eps[run]), float(momentum[run]), dtype=dtype)
        own = (scale, shift, mean, var)
        theirs = (oracle.weight, oracle.bias, oracle.running_mean, oracle.running_var)
        with torch.no_grad():
            for one, other in zip(theirs, own, strict=True):
                assert one is not None
                one.copy_(other[run, 0])
        oracles.append(oracle)
    slopes = torch.empty_like(scale), torch.empty_like(shift)
    norm = BatchNorm(scale, shift, *slopes, mean, var, batch, eps, momentum)
    return Layer(norm, FrozenBatchNorm(scale, shift, mean, var, eps), oracles)


def check_statistics(made: Layer) -> None:
    for run, oracle in enumerate(made.oracles):
        for own, theirs in (
            (made.norm.running_mean, oracle.running_mean),
            (made.norm.running_var, oracle.running_var),
        ):
            torch.testing.assert_close(own[run, 0], theirs, rtol=EXACT, atol=EXACT)


@given(
    st.integers(1, 4),
    st.integers(2, 9),
    st.integers(1, 9),
    st.floats(0.01, 100),
    st.floats(-100, 100),
    st.integers(0, 2**31),
)
def test_outputs_gradients_and_running_statistics_equal_torchs(
    runs: int, batch: int, units: int, spread: float, centre: float, seed: int
) -> None:
    """Over three batches of any centre and spread, then in evaluation mode."""
    torch.manual_seed(seed)
    made = layer(runs, batch, units)
    for _ in range(3):
        z = torch.randn(runs, batch, units, dtype=torch.float64) * spread + centre
        dy = torch.randn_like(z)
        y = made.norm.forward(z).clone()
        dz = made.norm.backward(dy.clone())
        for run, oracle in enumerate(made.oracles):
            leaf = z[run].clone().requires_grad_()
            oracle_y = oracle(leaf)
            leaves = (leaf, oracle.weight, oracle.bias)
            slopes = torch.autograd.grad(oracle_y, leaves, dy[run])
            own = (dz[run], made.norm.dscale[run, 0], made.norm.dshift[run, 0])
            # two equal examples have no variance: dz is then a difference of terms of size 1/√ε
            near = EXACT * (1 + float(made.norm.inverse_std[run].abs().max()))
            torch.testing.assert_close(y[run], oracle_y.detach(), rtol=EXACT, atol=EXACT)
            for one, slope in zip(own, slopes, strict=True):
                torch.testing.assert_close(one, slope, rtol=EXACT, atol=near)
        check_statistics(made)
    z = torch.randn(runs, batch, units, dtype=torch.float64) * spread + centre
    y = made.frozen.forward(z.clone())
    for run, oracle in enumerate(made.oracles):
        expected = oracle.eval()(z[run]).detach()
        torch.testing.assert_close(y[run], expected, rtol=EXACT, atol=EXACT * (1 + abs(centre)))


def test_evaluation_sees_the_running_statistics_as_they_are_now() -> None:
    """A frozen layer made before a training uses what the training has left."""
    torch.manual_seed(1)
    made = layer(2, 8, 5)
    z = torch.randn(2, 8, 5, dtype=torch.float64)
    before = made.frozen.forward(z.clone())
    made.norm.forward(z + 3)
    after = made.frozen.forward(z.clone())
    assert not torch.allclose(before, after)


def test_a_batch_of_one_example_gives_its_shift_and_keeps_the_running_variance() -> None:
    """x̂ = 0, y = β, no gradient passes, and nothing becomes NaN (torch refuses the batch)."""
    torch.manual_seed(2)
    made = layer(3, 1, 4)
    var = made.norm.running_var.clone()
    y = made.norm.forward(torch.randn(3, 1, 4, dtype=torch.float64))
    assert torch.equal(y, made.norm.shift)
    dy = torch.randn(3, 1, 4, dtype=torch.float64)
    dz = made.norm.backward(dy.clone())
    assert not dz.any()
    assert torch.equal(made.norm.dshift, dy)
    assert not made.norm.dscale.any()
    assert torch.equal(made.norm.running_var, var)


def test_a_unit_that_never_changes_passes_no_gradient() -> None:
    """A dead unit before batch norm gives y = β for all examples, and finite numbers everywhere."""
    made = layer(1, 8, 3)
    z = torch.zeros(1, 8, 3, dtype=torch.float64)
    y = made.norm.forward(z)
    assert torch.equal(y, made.norm.shift.expand_as(y))
    dz = made.norm.backward(torch.ones_like(z))
    assert not dz.any()
    assert made.norm.running_var.isfinite().all()


def spread_of(y: Tensor) -> Tensor:
    return y.double().std(dim=1, correction=0)


def test_a_large_mean_costs_no_more_digits_than_float32_has() -> None:
    """Units around 10,000 with spread 1 are normalised to 1e-3, where float32 itself ends."""
    torch.manual_seed(3)
    made = layer(1, 1000, 6, torch.float32)
    made.norm.forward(10_000 + torch.randn(1, 1000, 6))
    assert made.norm.normal.double().mean(dim=1).abs().max() < 1e-3
    assert (spread_of(made.norm.normal) - 1).abs().max() < 1e-3


def test_a_nan_run_leaves_its_neighbours_bit_identical() -> None:
    """Outputs, gradients and running statistics beside a run of NaN."""
    found = []
    for poison in (1.0, torch.nan):
        torch.manual_seed(4)
        made = layer(3, 7, 5, torch.float32)
        z, dy = torch.randn(2, 3, 7, 5)
        z[1] *= poison
        y = made.norm.forward(z).clone()
        dz = made.norm.backward(dy)
        own = made.norm
        found.append((y, dz, own.dscale, own.dshift, own.running_mean, own.running_var))
    for healthy, sick in zip(*found, strict=True):
        assert torch.equal(healthy[::2], sick[::2])
        assert sick[1].isnan().any() or sick is found[1][3]  # dβ = Σ dy alone stays a number
