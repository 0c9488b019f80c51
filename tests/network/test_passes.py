"""A stack's outputs, loss and gradients are those of autograd, whatever the network."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor

from descend.network.dropout import Dropout
from descend.network.losses import LOSSES, MSE, Objective
from descend.network.passes import EvaluationPass, TrainingPass
from descend.network.stack import Stack
from descend.recipe.names import ACTIVATIONS
from tests.network.reference import (
    BATCH_NORM,
    SUITING,
    VALUES,
    Case,
    Network,
    block,
    cases,
    masks_of,
    reduced,
    size_of,
    stack_of,
)

# Of a run's largest gradient: the small ones are differences of terms of that size.
RELATIVE = 1e-10


def equals_autograd(case: Case, step: int = 0, weight_factor: float = 1.0) -> bool:
    """Fails where a pass is wrong; False where autograd finds no number either."""
    stack = case.stack()
    x, y, weight = case.data()
    batch = [tensor for tensor in (x, y, weight) if tensor is not None]
    before = [tensor.clone() for tensor in batch]
    networks = [Network(stack, run) for run in range(stack.runs)]
    training = TrainingPass(stack, case.objective(), case.batch, weight_factor)
    loss = training.forward(x, y, weight, step)
    outputs = training.outputs.clone()
    training.backward()
    for run, network in enumerate(networks):
        masks = masks_of(stack, training, run)
        own_outputs = network.forward(x[run], masks)
        own_weight = None if weight is None else weight[run]
        own_loss = reduced(VALUES[case.loss](own_outputs, y[run]), own_weight, case.reduction)
        gradient = network.gradient(own_loss)
        if weight_factor != 1:
            gradient = with_factor_on_weights(stack, gradient, weight_factor)
        gradient = gradient + network.gradient(network.penalty())
        if not gradient.isfinite().all():  # e to the e to the ten is no number
            return False
        torch.testing.assert_close(outputs[run], own_outputs, rtol=RELATIVE, atol=RELATIVE)
        torch.testing.assert_close(loss[run], own_loss, rtol=RELATIVE, atol=RELATIVE)
        torch.testing.assert_close(
            stack.gradient[run], gradient, rtol=RELATIVE, atol=RELATIVE * size_of(gradient)
        )
        if len(stack.statistics[run]):
            torch.testing.assert_close(
                stack.statistics[run], network.statistics(), rtol=RELATIVE, atol=RELATIVE
            )
    assert all(map(torch.equal, before, batch)), "a pass changed its batch"
    return True


def with_factor_on_weights(stack: Stack, gradient: Tensor, factor: float) -> Tensor:
    gradient = gradient.clone()
    first = 0
    for one in stack.blocks:
        gradient[first : first + one.fan_in * one.fan_out] *= factor
        first += one.parameters
    return gradient


@given(cases(min_batch=2), st.integers(0, 1000), st.sampled_from([1.0, 1.0, 4.0]))
def test_outputs_loss_and_gradients_equal_autograds(
    case: Case, step: int, weight_factor: float
) -> None:
    """Any depth, widths, activations, batch norm, dropout, penalties, losses, weights and runs."""
    assume(equals_autograd(case, step, weight_factor))


@given(cases())
def test_evaluation_equals_torchs_evaluation(case: Case) -> None:
    """Running statistics instead of the batch's, no dropout, and nothing of the stack changes."""
    stack = case.stack()
    x, _, _ = case.data()
    kept = [tensor.clone() for tensor in (x, stack.theta, stack.statistics)]
    outputs = EvaluationPass(stack, case.batch).forward(x)
    for run in range(stack.runs):
        oracle = Network(stack, run).forward(x[run], masks=None).detach()
        torch.testing.assert_close(
            outputs[run], oracle, rtol=RELATIVE, atol=RELATIVE, equal_nan=True
        )
    assert all(map(torch.equal, kept, (x, stack.theta, stack.statistics)))


def test_masks_belong_to_the_seed_the_layer_and_the_step() -> None:
    """Layers with dropout draw from the streams of their own places, at the step they are told."""
    blocks = (block(3, 4, dropout=0.5), block(4, 6), block(6, 5, dropout=0.2), block(5, 1))
    stack = stack_of([blocks] * 2, seeds=[8, 9])
    training = TrainingPass(stack, Objective(MSE()), 7)
    x, y = torch.zeros(2, 7, 3, dtype=torch.float64), torch.zeros(2, 7, 1, dtype=torch.float64)
    for step in (0, 5, 2**40):
        training.forward(x, y, None, step)
        for dropout, place, units in zip(training.dropouts, (0, 2), (4, 5), strict=True):
            rate = stack.per_run(place, "dropout")
            own = Dropout(rate, torch.tensor([8, 9]), place, 7, units)
            own.begin(step)
            assert torch.equal(dropout.mask, own.mask)


def test_evaluation_sees_the_weights_as_they_are_now() -> None:
    """A pass made before an update evaluates what the update has left."""
    stack = stack_of([(block(3, 4, "tanh", "before"), block(4, 2))])
    evaluation = EvaluationPass(stack, 5)
    x = torch.randn(1, 5, 3, dtype=torch.float64)
    for _ in range(3):
        stack.theta.mul_(0.9)
        stack.statistics.mul_(1.1)
        fresh = EvaluationPass(stack, 5).forward(x)
        assert torch.equal(evaluation.forward(x), fresh)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_no_layer_overwrites_what_its_neighbours_still_need(activation: str) -> None:
    """Every hidden activation, with batch norm before, after or absent, and with dropout."""
    for following, batch_norm, dropout in product(
        ("identity", "tanh", "gelu"), BATCH_NORM, (0.0, 0.5)
    ):
        blocks = (
            block(3, 4, activation, batch_norm, dropout),
            block(4, 3, following, batch_norm, dropout),
            block(3, 2),
        )
        assert equals_autograd(Case((blocks,), ("mse", "logits"), "mean", False, 5, seed=1))


@pytest.mark.parametrize("loss", sorted(LOSSES), ids="-".join)
def test_no_loss_overwrites_what_the_output_activation_still_needs(loss: tuple[str, str]) -> None:
    """Every loss on each output activation that suits it, with each reduction and weighting."""
    for activation, reduction, is_weighted in product(
        SUITING[loss], ("mean", "sum"), (False, True)
    ):
        blocks = (block(3, 4, "tanh"), block(4, 3, activation))
        assert equals_autograd(Case((blocks, blocks), loss, reduction, is_weighted, 5, seed=2))
