"""SparseAdam against `torch.optim.SparseAdam`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from descend.optimizers.build import build
from tests.optimizers.oracle import start

FEATURES, UNITS, REST = 5, 3, 4
SPARSE = FEATURES * UNITS
RUNS = 3
AGREE = {"rtol": 1e-9, "atol": 1e-9}

_NUMBER = {"min_value": 0.0, "allow_subnormal": False}
_ROW = st.fixed_dictionaries(
    {"lr": st.floats(1e-4, 0.5)},
    optional={
        "betas": st.tuples(st.floats(**_NUMBER, max_value=0.99), st.floats(0.1, 0.9999)),
        "eps": st.floats(1e-10, 1e-2),
    },
)


def _sparse(gradient: Tensor) -> Tensor:
    """The gradient (rows, columns) as torch would get it: its rows that are not all 0."""
    present = gradient.any(dim=1).nonzero().T
    return torch.sparse_coo_tensor(
        present, gradient[present[0]], gradient.shape, check_invariants=True
    )


def _theirs(row: dict[str, Any], theta: Tensor, gradients: Tensor) -> Tensor:
    """One run: its first layer with sparse gradients, the rest with all entries present."""
    weights = torch.nn.Parameter(theta[:SPARSE].reshape(FEATURES, UNITS).clone())
    rest = torch.nn.Parameter(theta[SPARSE:].reshape(-1, 1).clone())
    optimizer = torch.optim.SparseAdam([weights, rest], **row)
    everywhere = torch.arange(REST).unsqueeze(0)
    for gradient in gradients:
        weights.grad = _sparse(gradient[:SPARSE].reshape(FEATURES, UNITS))
        rest.grad = torch.sparse_coo_tensor(
            everywhere, gradient[SPARSE:].reshape(-1, 1), rest.shape, check_invariants=True
        )
        optimizer.step()
    return torch.cat([weights.detach().flatten(), rest.detach().flatten()])


@settings(max_examples=8)
@given(st.lists(_ROW, min_size=RUNS, max_size=RUNS), st.integers(0, 99))
def test_a_stack_moves_as_torch_moves_each_run(rows: list[dict[str, Any]], seed: int) -> None:
    """200 steps in which each feature is present in two of three batches of each run."""
    generator = torch.Generator().manual_seed(seed)
    gradients = torch.randn(200, RUNS, SPARSE + REST, generator=generator, dtype=torch.float64)
    present = torch.rand(200, RUNS, FEATURES, 1, generator=generator) > 0.3
    block = gradients[..., :SPARSE].view(200, RUNS, FEATURES, UNITS)
    block.mul_(present)
    theta = start(RUNS, SPARSE + REST)
    expected = torch.stack(
        [_theirs(row, theta[run], gradients[:, run]) for run, row in enumerate(rows)]
    )
    optimizer = build("sparse_adam", theta, rows, sparse_rows=(FEATURES, UNITS))
    for gradient in gradients:
        optimizer.step(theta, gradient.clone())
    torch.testing.assert_close(theta, expected, **AGREE)


def test_one_hot_inputs_are_an_embedding() -> None:
    """A linear layer on one-hot rows, with this rule, is nn.Embedding(sparse=True) with torch's."""
    embedding = torch.nn.Embedding(FEATURES, UNITS, sparse=True, dtype=torch.float64)
    theta = embedding.weight.detach().clone().reshape(1, -1)
    theirs = torch.optim.SparseAdam(embedding.parameters(), lr=0.1)
    ours = build("sparse_adam", theta, [{"lr": 0.1}], sparse_rows=(FEATURES, UNITS))
    generator = torch.Generator().manual_seed(0)
    for _ in range(50):
        words = torch.randint(FEATURES, (2,), generator=generator)
        target = torch.randn(2, UNITS, generator=generator, dtype=torch.float64)
        theirs.zero_grad()
        (embedding(words) - target).square().sum().backward()
        theirs.step()
        x = functional.one_hot(words, FEATURES).double()
        error = x @ theta.view(FEATURES, UNITS) - target
        ours.step(theta, (x.T @ (2 * error)).reshape(1, -1))
    torch.testing.assert_close(theta[0], embedding.weight.detach().flatten(), **AGREE)


def test_absent_rows_keep_their_bits() -> None:
    """Weights and moments of a feature that the batch does not contain do not change at all."""
    theta = start(2, SPARSE + REST)
    optimizer: Any = build("sparse_adam", theta, [{}, {"lr": 0.1}], sparse_rows=(FEATURES, UNITS))
    optimizer.step(theta, torch.randn_like(theta))
    before = [tensor.clone() for tensor in (theta, optimizer.mean, optimizer.square)]
    gradient = torch.randn_like(theta)
    gradient[0, UNITS : 2 * UNITS] = 0.0
    gradient[1, :UNITS] = -0.0
    optimizer.step(theta, gradient)
    for tensor, old in zip((theta, optimizer.mean, optimizer.square), before, strict=True):
        changed = tensor != old
        assert not changed[0, UNITS : 2 * UNITS].any()
        assert not changed[1, :UNITS].any()
        assert changed[0, :UNITS].all()
        assert changed[:, 2 * UNITS :].all()


@pytest.mark.parametrize("sparse_rows", [None, (SPARSE + REST, 1)])
def test_without_absent_rows_it_is_adam_up_to_epsilon(sparse_rows: tuple[int, int] | None) -> None:
    """With all rows present only ε differs from Adam: with ε next to nothing both are the same."""
    theta, other = start(2, SPARSE + REST), start(2, SPARSE + REST)
    rows = [{"eps": 1e-16}, {"eps": 1e-16, "lr": 0.1}]
    sparse = build("sparse_adam", theta, rows, sparse_rows=sparse_rows)
    dense = build("adam", other, rows)
    for seed in range(50):
        torch.manual_seed(seed)
        gradient = torch.randn_like(theta)
        sparse.step(theta, gradient.clone())
        dense.step(other, gradient)
    torch.testing.assert_close(theta, other, **AGREE)
