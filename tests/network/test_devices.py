"""A stack gives the same numbers on every device."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor

from descend.network.passes import EvaluationPass, TrainingPass
from descend.network.random_bits import RandomBits
from descend.network.stack import Stack
from descend.network.torch_modules import to_sequential
from tests.network.reference import Case, cases, size_of

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
    ),
]
# Sums are taken in another order; batch norm and exp multiply their rounding.
NEAR = 1e-9


def copied(stack: Stack, device: str) -> Stack:
    other = Stack(stack.architectures, stack.seeds.tolist(), dtype=torch.float64, device=device)
    other.theta.copy_(stack.theta)
    other.statistics.copy_(stack.statistics)
    return other


def step(case: Case, stack: Stack, device: str) -> list[Tensor]:
    batch = [None if part is None else part.to(device) for part in case.data()]
    x, y, weight = batch
    assert x is not None
    assert y is not None
    training = TrainingPass(stack, case.objective(), case.batch)
    loss = training.forward(x, y, weight, 3)
    training.backward()
    outputs = EvaluationPass(stack, case.batch).forward(x)
    modules = [to_sequential(stack, run)(x[run]) for run in range(stack.runs)]
    found = [loss, stack.gradient, stack.statistics, outputs, torch.stack(modules).detach()]
    return [tensor.cpu() for tensor in found]


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=20)
@given(cases(min_batch=2))
def test_a_step_is_the_same_on_every_device(device: str, case: Case) -> None:
    """Losses, gradients, running statistics, outputs and exported modules are those of the CPU."""
    stack = case.stack()
    other = copied(stack, device)
    assert other.theta.device.type == device
    for own, found in zip(step(case, stack, "cpu"), step(case, other, device), strict=True):
        near = NEAR * size_of(own)
        torch.testing.assert_close(found, own, rtol=NEAR, atol=near, equal_nan=True)


@pytest.mark.parametrize("device", DEVICES)
def test_random_bits_are_the_same_on_every_device(device: str) -> None:
    """Bit for bit, so that a run may go on elsewhere."""
    seeds = torch.tensor([3, 2**63 - 1])
    here, there = (RandomBits(seeds.to(place), 2, 1001).draw(77) for place in ("cpu", device))
    assert torch.equal(here, there.cpu())
