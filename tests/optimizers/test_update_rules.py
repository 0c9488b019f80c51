"""Every update rule against `torch.optim`."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from descend.optimizers.build import build
from tests.optimizers.oracle import (
    DENSE,
    RUNS,
    gradient_at,
    noise,
    ours,
    settings_of_runs,
    start,
    theirs,
    torch_optimizer,
)

# Both compute in float64 with other orders of the same operations: 200 steps add up a few hundred
# roundings of 1e-16, and a small ε may divide them by a small number.
AGREE = {"rtol": 1e-9, "atol": 1e-9}


@pytest.fixture(autouse=True)
def _float64_scalars() -> Any:
    """torch keeps ASGD's η and μ in its default type; in float32 they alone would be 1e-8 off."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", DENSE)
@settings(max_examples=12)
@given(data=st.data())
def test_a_stack_of_runs_moves_as_torch_moves_each_of_them(name: str, data: st.DataObject) -> None:
    """After 200 steps each run, with settings of its own, is where its own torch.optim puts it."""
    rows = data.draw(settings_of_runs(name))
    noises = noise(200, seed=data.draw(st.integers(0, 99)))
    torch.testing.assert_close(ours(name, rows, noises), theirs(name, rows, noises), **AGREE)


@pytest.mark.parametrize("name", ["adam", "adamw"])
@settings(max_examples=12)
@given(data=st.data())
def test_the_fused_path_moves_as_torch_does(name: str, data: st.DataObject) -> None:
    """The kernel that serves large networks, made to serve small ones, agrees with torch.optim."""

    def fuse(optimizer: Any) -> None:
        optimizer.fused = True

    rows = data.draw(settings_of_runs(name))
    noises = noise(200, seed=data.draw(st.integers(0, 99)))
    torch.testing.assert_close(ours(name, rows, noises, fuse), theirs(name, rows, noises), **AGREE)


@pytest.mark.parametrize("name", ["adam", "adamw"])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_large_networks_take_the_fused_path_and_small_ones_do_not(name: str, amsgrad: bool) -> None:
    """Either path, over 20 steps of 9,001 parameters, ends at the same parameters."""
    rows = [{"lr": 0.01}, {"lr": 0.02, "weight_decay": 0.1}, {"lr": 0.01}]
    rows = [{**row, "amsgrad": amsgrad} for row in rows]
    noises = noise(20, runs=3, parameters=9001)
    taken = []

    def spread(optimizer: Any) -> None:
        taken.append(optimizer.fused)
        optimizer.fused = False

    fused = ours(name, rows, noises)
    torch.testing.assert_close(fused, ours(name, rows, noises, spread), **AGREE)
    ours(name, rows[:1], noise(1, runs=1, parameters=9), spread)
    assert taken == [True, False]


@pytest.mark.parametrize("name", DENSE)
def test_the_defaults_are_those_of_torch(name: str) -> None:
    """Without any setting, 50 steps end where torch.optim without any setting ends."""
    rows: list[dict[str, Any]] = [{}] * RUNS
    noises = noise(50)
    torch.testing.assert_close(ours(name, rows, noises), theirs(name, rows, noises), **AGREE)


@pytest.mark.parametrize("name", DENSE)
def test_a_changed_learning_rate_counts_from_the_next_step_on(name: str) -> None:
    """`set_lr` before each step does what torch's schedulers do to a parameter group, lr 0 too."""
    noises = noise(40)
    rates = [0.1 * (1 - step / 20) if step < 20 else 0.001 * step for step in range(40)]
    theta = start()
    optimizer = build(name, theta, [{"lr": 0.1}] * RUNS)
    expected = [torch.nn.Parameter(row.clone()) for row in start()]
    references = [torch_optimizer(name, [row], {"lr": 0.1}) for row in expected]
    for rate, drawn in zip(rates, noises, strict=True):
        optimizer.set_lr(torch.full((RUNS, 1), rate))
        optimizer.step(theta, gradient_at(theta, drawn))
        for parameter, reference, one in zip(expected, references, drawn, strict=True):
            reference.param_groups[0]["lr"] = rate
            parameter.grad = gradient_at(parameter.detach(), one)
            reference.step()
    torch.testing.assert_close(theta, torch.stack([row.detach() for row in expected]), **AGREE)


def test_asgd_averages_as_torch_does() -> None:
    """The averaged parameters of each run equal torch's `ax`, whenever its averaging starts."""
    rows = [{"t0": 0.0}, {"t0": 10.0}, {"t0": 33.5}, {}]
    noises = noise(60)
    theta = start()
    optimizer: Any = build("asgd", theta, rows)
    for drawn in noises:
        optimizer.step(theta, gradient_at(theta, drawn))
    for row, setting in enumerate(rows):
        parameter = torch.nn.Parameter(start()[row].clone())
        reference = torch_optimizer("asgd", [parameter], setting)
        for drawn in noises[:, row]:
            parameter.grad = gradient_at(parameter.detach(), drawn)
            reference.step()
        expected: Tensor = reference.state[parameter]["ax"]
        torch.testing.assert_close(optimizer.average[row], expected, **AGREE)


@pytest.mark.parametrize("name", DENSE)
def test_float32_follows_float64(name: str) -> None:
    """In float32, 100 steps stay within 1e-4 of float64: no constant such as 1 - β₂ is rough.

    1 - β₂ taken in float32 would be off by 5e-5 alone, at every step.
    """
    noises = noise(100)
    theta = start().float()
    optimizer = build(name, theta, [{}] * RUNS)
    for drawn in noises:
        optimizer.step(theta, gradient_at(theta, drawn.float()))
    expected = ours(name, [{}] * RUNS, noises)
    torch.testing.assert_close(theta.double(), expected, rtol=1e-4, atol=1e-5)
