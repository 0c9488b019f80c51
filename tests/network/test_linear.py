"""The affine map of a stack is that of torch, run by run."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from descend.network.linear import Linear

EXACT = 1e-10  # float64 carries 16 digits; a sum over a batch loses one or two

sizes = st.integers(1, 40)


@given(st.integers(1, 4), sizes, sizes, sizes, st.booleans(), st.integers(0, 2**31))
def test_outputs_and_gradients_equal_autograds(
    runs: int, batch: int, fan_in: int, fan_out: int, is_first: bool, seed: int
) -> None:
    """z, dw, db and dx of every run; the first layer gives no dx."""
    torch.manual_seed(seed)
    x = torch.randn(runs, batch, fan_in, dtype=torch.float64)
    w = torch.randn(runs, fan_in, fan_out, dtype=torch.float64)
    b = torch.randn(runs, 1, fan_out, dtype=torch.float64)
    dz = torch.randn(runs, batch, fan_out, dtype=torch.float64)
    linear = Linear(w, b, torch.empty_like(w), torch.empty_like(b), batch, is_first=is_first)
    z = linear.forward(x).clone()
    dx = linear.backward(dz)
    assert (dx is None) == is_first
    for run in range(runs):
        leaves = [tensor[run].clone().requires_grad_() for tensor in (x, w, b)]
        oracle = functional.linear(leaves[0], leaves[1].T, leaves[2].flatten())
        slopes = torch.autograd.grad(oracle, leaves, dz[run])
        own = [None if dx is None else dx[run], linear.dw[run], linear.db[run]]
        torch.testing.assert_close(z[run], oracle.detach(), rtol=EXACT, atol=EXACT)
        for one, slope in zip(own, slopes, strict=True):
            if one is not None:
                torch.testing.assert_close(one, slope, rtol=EXACT, atol=EXACT)


def test_runs_may_share_their_examples_in_memory() -> None:
    """One batch expanded over the runs gives what a copy for each run gives, bit for bit."""
    torch.manual_seed(1)
    runs, batch, fan_in, fan_out = 3, 16, 30, 20
    x = torch.randn(1, batch, fan_in)
    w, b = torch.randn(runs, fan_in, fan_out), torch.randn(runs, 1, fan_out)
    dz = torch.randn(runs, batch, fan_out)
    found = []
    for batch_of_all in (x.expand(runs, -1, -1), x.repeat(runs, 1, 1)):
        linear = Linear(w, b, torch.empty_like(w), torch.empty_like(b), batch, is_first=True)
        z = linear.forward(batch_of_all)
        linear.backward(dz)
        found.append((z, linear.dw, linear.db))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("runs", "batch", "fan_in", "fan_out", "is_wanted"),
    [(3, 8, 12, 10, True), (1, 8, 12, 10, False), (3, 2, 6, 5, False), (2, 4, 80, 60, False)],
)
def test_gradients_made_in_room_of_their_own_arrive_between_their_neighbours(
    runs: int, batch: int, fan_in: int, fan_out: int, is_wanted: bool
) -> None:
    """Small layers of several runs take a detour to the same numbers, and fill nothing else."""
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    weights = fan_in * fan_out
    theta, gradient = drawn(runs, weights + 7), drawn(runs, weights + 7)
    around = gradient.clone()
    w, dw = (one[:, 3 : 3 + weights].view(runs, fan_in, fan_out) for one in (theta, gradient))
    b, db = drawn(runs, 1, fan_out), torch.empty(runs, 1, fan_out, dtype=torch.float64)
    room = drawn(runs * weights + 5)
    before = room.clone()
    linear = Linear(w, b, dw, db, batch, is_first=False, room=room)
    x, dz = drawn(runs, batch, fan_in), drawn(runs, batch, fan_out)
    linear.forward(x)
    linear.backward(dz)
    torch.testing.assert_close(dw, torch.einsum("rbi,rbo->rio", x, dz), rtol=1e-12, atol=1e-12)
    for outside in (slice(3), slice(3 + weights, None)):
        assert torch.equal(gradient[:, outside], around[:, outside])
    assert is_wanted is not torch.equal(room, before)
