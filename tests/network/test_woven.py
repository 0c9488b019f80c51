"""Many tiny networks, woven, are the same networks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from torch import Tensor

from descend.network import passes
from descend.network.losses import MSE, Objective
from descend.network.passes import TrainingPass
from descend.network.woven import (
    PRODUCTS_FROM,
    PRODUCTS_UNTIL,
    RUNS_FROM,
    WovenLinear,
    is_worth_weaving,
)
from tests.network.reference import Case, block, cases, size_of, stack_of

ROUNDING = 1e-12  # float64 carries 16 digits


def trained(case: Case, is_woven: bool, steps: int = 4) -> list[Tensor]:
    """Losses, gradients, weights and statistics of gradient descent, woven or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passes, "is_worth_weaving", lambda stack, batch: is_woven)
        stack = case.stack()
        training = TrainingPass(stack, case.objective(), case.batch)
    assert (training.weave is not None) == is_woven
    losses = []
    for step in range(steps):
        losses.append(training.forward(*case.data(), step))
        training.backward()
        norms = stack.gradient.norm(dim=1, keepdim=True).clamp_min(1)
        stack.theta.sub_(0.01 * stack.gradient / norms)
    return [torch.stack(losses), stack.gradient, stack.theta, stack.statistics]


@given(cases(min_batch=2))
def test_woven_networks_train_as_others_do(case: Case) -> None:
    """For every activation, loss, penalty, normalisation and dropout, to rounding."""
    for woven, plain in zip(trained(case, True), trained(case, False), strict=True):
        near = ROUNDING * size_of(plain)
        torch.testing.assert_close(woven, plain, rtol=ROUNDING, atol=near, equal_nan=True)


def test_the_batch_may_be_shared_by_all_runs() -> None:
    """One batch for all runs (stride 0) gives what copies of it give."""
    runs, batch = 1000, 4
    blocks = (block(2, 2, "sigmoid"), block(2, 1))
    x, y = torch.rand(1, batch, 2), torch.rand(1, batch, 1)
    found = []
    for is_copied in (False, True):
        stack = stack_of([blocks] * runs, dtype=torch.float32)
        training = TrainingPass(stack, Objective(MSE()), batch)
        assert isinstance(training.layers[0], WovenLinear)
        inputs = x.expand(runs, -1, -1)
        loss = training.forward(
            inputs.clone() if is_copied else inputs, y.expand(runs, -1, -1), None, 0
        )
        training.backward()
        found += [loss, stack.gradient]
    assert torch.equal(found[0], found[2])
    assert torch.equal(found[1], found[3])


def test_only_many_tiny_networks_are_woven() -> None:
    """One network, and networks with work for a product of matrices, stay as they are."""
    tiny = (block(2, 10, "sigmoid"), block(10, 10, "sigmoid"), block(10, 1))
    assert is_worth_weaving(stack_of([tiny] * RUNS_FROM), batch=4)
    assert not is_worth_weaving(stack_of([tiny] * (RUNS_FROM - 1)), batch=4)
    assert not is_worth_weaving(stack_of([tiny] * RUNS_FROM), batch=PRODUCTS_UNTIL // 100 + 1)
    few_products = (block(2, 2),)
    assert not is_worth_weaving(stack_of([few_products] * (PRODUCTS_FROM // 16 - 1)), batch=4)
