"""Losses and their slopes are those of torch, value by value and reduced."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn import functional

from descend.network.losses import LOSSES, Objective
from descend.recipe.names import LOSSES as NAMES
from tests.network.reference import VALUES, reduced, targets

EXACT = 1e-10  # float64 carries 16 digits
RUNS = 3


def outputs_for(loss: tuple[str, str], shape: tuple[int, ...], generator: Generator) -> Tensor:
    """Outputs far and near, as this loss takes them."""
    raw = 3 * torch.randn(shape, dtype=torch.float64, generator=generator)
    if loss[1] == "logits":
        return raw
    return raw.exp() if loss[0] == "poisson" else torch.sigmoid(raw)


def batch_for(loss: tuple[str, str], shape: tuple[int, ...], seed: int) -> tuple[Tensor, Tensor]:
    generator = Generator().manual_seed(seed)
    outputs = outputs_for(loss, shape, generator)
    return outputs, targets(loss, shape, generator, torch.float64)


@pytest.mark.parametrize("loss", sorted(LOSSES), ids="-".join)
@given(
    shape=st.tuples(st.integers(1, 4), st.integers(1, 6), st.integers(1, 5)),
    reduction=st.sampled_from(["mean", "sum"]),
    is_weighted=st.booleans(),
    seed=st.integers(0, 2**31),
)
def test_value_and_slope_equal_autograds(
    loss: tuple[str, str],
    shape: tuple[int, int, int],
    reduction: str,
    is_weighted: bool,
    seed: int,
) -> None:
    """For any number of runs, examples and outputs, with and without example weights."""
    outputs, y = batch_for(loss, shape, seed)
    weight = torch.rand(shape[:2], dtype=torch.float64) + 0.1 if is_weighted else None
    objective = Objective(LOSSES[loss](), reduction)
    kept = outputs.clone()
    value = objective.value(outputs, y, weight)
    slope = objective.slope(outputs, y, weight)
    assert torch.equal(outputs, kept), "the loss changed its outputs"
    leaf = outputs.clone().requires_grad_()
    own = [None] * shape[0] if weight is None else list(weight)
    each = [reduced(VALUES[loss](leaf[r], y[r]), own[r], reduction) for r in range(shape[0])]
    oracle = torch.stack(each)
    (oracle_slope,) = torch.autograd.grad(oracle.sum(), leaf)
    torch.testing.assert_close(value, oracle.detach(), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(slope, oracle_slope, rtol=EXACT, atol=EXACT)


REDUCED: dict[tuple[str, str], Callable[[Tensor, Tensor, str], Tensor]] = {
    ("mse", "logits"): lambda o, y, how: functional.mse_loss(o, y, reduction=how),
    ("l1", "logits"): lambda o, y, how: functional.l1_loss(o, y, reduction=how),
    ("huber", "logits"): lambda o, y, how: functional.huber_loss(o, y, reduction=how),
    ("poisson", "logits"): lambda o, y, how: functional.poisson_nll_loss(o, y, reduction=how),
    ("poisson", "probabilities"): lambda o, y, how: functional.poisson_nll_loss(
        o, y, log_input=False, reduction=how
    ),
    ("bce", "logits"): lambda o, y, how: functional.binary_cross_entropy_with_logits(
        o, y, reduction=how
    ),
    ("bce", "probabilities"): lambda o, y, how: functional.binary_cross_entropy(
        o, y, reduction=how
    ),
    ("cross_entropy", "logits"): lambda o, y, how: functional.cross_entropy(o, y, reduction=how),
    ("nll", "logits"): lambda o, y, how: functional.nll_loss(o, y, reduction=how),
}


@pytest.mark.parametrize("loss", REDUCED, ids="-".join)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_reductions_are_torchs(loss: tuple[str, str], reduction: str) -> None:
    """The numbers that `torch.nn.functional` gives for one run at a time."""
    outputs, y = batch_for(loss, (RUNS, 7, 4), seed=3)
    value = Objective(LOSSES[loss](), reduction).value(outputs, y)
    for run in range(RUNS):
        oracle = REDUCED[loss](outputs[run], y[run], reduction)
        torch.testing.assert_close(value[run], oracle, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("loss", [("cross_entropy", "logits"), ("nll", "logits")], ids="-".join)
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_class_weights_are_example_weights(loss: tuple[str, str], reduction: str) -> None:
    """`weight=` of torch's cross-entropy is an example weight w[y] here."""
    outputs, y = batch_for(loss, (RUNS, 9, 4), seed=4)
    by_class = torch.tensor([0.5, 2.0, 1.0, 0.0], dtype=torch.float64)
    objective = Objective(LOSSES[loss](), reduction)
    value = objective.value(outputs, y, by_class[y])
    slope = objective.slope(outputs, y, by_class[y])
    oracle_of = {"cross_entropy": functional.cross_entropy, "nll": functional.nll_loss}[loss[0]]
    leaf = outputs.clone().requires_grad_()
    each = [
        oracle_of(leaf[run], y[run], weight=by_class, reduction=reduction) for run in range(RUNS)
    ]
    (oracle_slope,) = torch.autograd.grad(torch.stack(each).sum(), leaf)
    torch.testing.assert_close(value, torch.stack(each).detach(), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(slope, oracle_slope, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("loss", [("cross_entropy", "logits"), ("nll", "logits")], ids="-".join)
def test_pixels_are_examples(loss: tuple[str, str]) -> None:
    """Images flattened into the batch give torch's loss over pixels, classes on torch's axis 1."""
    images, pixels, classes = 3, 10, 4
    outputs, y = batch_for(loss, (RUNS, images * pixels, classes), seed=5)
    objective = Objective(LOSSES[loss]())
    value, slope = objective.value(outputs, y), objective.slope(outputs, y)
    leaf = outputs.clone().requires_grad_()
    oracle_of = {"cross_entropy": functional.cross_entropy, "nll": functional.nll_loss}[loss[0]]
    by_pixel = leaf.view(RUNS, images, pixels, classes).transpose(2, 3)
    each = [oracle_of(by_pixel[run], y[run].view(images, pixels)) for run in range(RUNS)]
    (oracle_slope,) = torch.autograd.grad(torch.stack(each).sum(), leaf)
    torch.testing.assert_close(value, torch.stack(each).detach(), rtol=EXACT, atol=EXACT)
    torch.testing.assert_close(slope, oracle_slope, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("loss", sorted(LOSSES), ids="-".join)
def test_weights_of_one_change_nothing(loss: tuple[str, str]) -> None:
    """Value and slope with all weights 1, or all weights 2 in a mean, are those without."""
    outputs, y = batch_for(loss, (RUNS, 6, 3), seed=6)
    for reduction, factor in (("mean", 1.0), ("mean", 2.0), ("sum", 1.0)):
        objective = Objective(LOSSES[loss](), reduction)
        weight = torch.full((RUNS, 6), factor, dtype=torch.float64)
        plain = objective.value(outputs, y), objective.slope(outputs, y)
        weighted = objective.value(outputs, y, weight), objective.slope(outputs, y, weight)
        for one, other in zip(plain, weighted, strict=True):
            torch.testing.assert_close(one, other, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("loss", sorted(LOSSES), ids="-".join)
def test_runs_may_share_their_targets_in_memory(loss: tuple[str, str]) -> None:
    """Targets and weights expanded over the runs give what copies for each give, bit for bit."""
    outputs, y = batch_for(loss, (RUNS, 6, 3), seed=10)
    weight = torch.rand(1, 6, dtype=torch.float64)
    objective = Objective(LOSSES[loss]())
    found = []
    for is_copied in (False, True):
        shared = [part[:1].expand(RUNS, *part.shape[1:]) for part in (y, weight)]
        own_y, own_weight = (part.clone() if is_copied else part for part in shared)
        value = objective.value(outputs, own_y, own_weight)
        plain = objective.value(outputs, own_y), objective.slope(outputs, own_y)
        found.append((value, objective.slope(outputs, own_y, own_weight), *plain))
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


@pytest.mark.parametrize("loss", sorted(LOSSES), ids="-".join)
def test_a_batch_without_weight_has_no_loss_and_no_slope(loss: tuple[str, str]) -> None:
    """Where every example of a batch weighs 0, the loss is 0 and not 0 / 0: the run goes on."""
    outputs, y = batch_for(loss, (RUNS, 6, 3), seed=7)
    weight = torch.ones(RUNS, 6, dtype=torch.float64)
    weight[1] = 0
    objective = Objective(LOSSES[loss]())
    value, slope = objective.value(outputs, y, weight), objective.slope(outputs, y, weight)
    assert value[1] == 0
    assert not slope[1].any()
    assert value[[0, 2]].isfinite().all()


def test_small_losses_of_logits_keep_their_digits_in_float32() -> None:
    """Right answers with logits up to 80: the loss e^-|o| is right to 1e-6, and never negative."""
    z = torch.linspace(-80, 80, 1001)
    outputs = z.view(1, -1, 1)
    y = (outputs > 0).float()
    value = LOSSES["bce", "logits"]().values(outputs, y).flatten().double()
    exact = torch.log1p(torch.exp(-z.double().abs()))
    torch.testing.assert_close(value, exact, rtol=1e-6, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_certain_and_wrong_answers_have_finite_losses_and_slopes(dtype: torch.dtype) -> None:
    """Probabilities of 0 and 1 where the opposite is true: -ln p is at most 100, as in torch."""
    p = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=dtype).view(1, 4, 1)
    y = torch.tensor([1.0, 0.0, 0.0, 1.0], dtype=dtype).view(1, 4, 1)
    bce = LOSSES["bce", "probabilities"]()
    assert bce.values(p, y).flatten().tolist() == [100, 100, 0, 0]
    assert bce.slopes(p, y, p.new_ones(())).isfinite().all()
    classes = torch.tensor([[0, 1, 1]])
    shares = torch.tensor([[[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]], dtype=dtype)
    cross_entropy = LOSSES["cross_entropy", "probabilities"]()
    assert cross_entropy.values(shares, classes).flatten().tolist() == [100, 100, 0]
    assert cross_entropy.slopes(shares, classes, shares.new_ones(())).isfinite().all()


def test_cross_entropy_of_tiny_probabilities_still_teaches() -> None:
    """A class of probability 1e-30 has the slope p - onehot(y) by its logits, in float32 too."""
    z = torch.tensor([[[0.0, 69.0, 1.0]]], requires_grad=True)
    p = torch.softmax(z, -1)
    slope = LOSSES["cross_entropy", "probabilities"]().slopes(
        p.detach(), torch.tensor([[0]]), p.new_ones(())
    )
    (dz,) = torch.autograd.grad(p, z, slope)
    expected = p.detach() - torch.tensor([1.0, 0.0, 0.0])
    torch.testing.assert_close(dz, expected, rtol=1e-5, atol=1e-6)


def test_no_probability_gives_nan_for_its_own_run_alone() -> None:
    """Beside a run whose output is 1.5, -0.1 or NaN the others' losses are bit for bit the same."""
    outputs, y = batch_for(("bce", "probabilities"), (RUNS, 50, 3), seed=8)
    for dtype in (torch.float32, torch.float64):
        given, wanted = outputs.to(dtype), y.to(dtype)
        objective = Objective(LOSSES["bce", "probabilities"]())
        healthy = objective.value(given, wanted)
        for wrong in (1.5, -0.1, math.nan, math.inf):
            sick = given.clone()
            sick[1, 3, 0] = wrong
            value = objective.value(sick, wanted)
            assert value[1].isnan()
            assert torch.equal(value[[0, 2]], healthy[[0, 2]])


@pytest.mark.parametrize("loss", sorted(LOSSES), ids="-".join)
def test_a_nan_output_makes_the_loss_of_its_run_nan(loss: tuple[str, str]) -> None:
    """No clamp or comparison hides it, and no other run has it."""
    outputs, y = batch_for(loss, (RUNS, 4, 3), seed=9)
    outputs[1] = math.nan
    value = Objective(LOSSES[loss]()).value(outputs, y)
    assert value.isnan().tolist() == [False, True, False]


def test_every_loss_of_a_recipe_exists() -> None:
    """The table of names, which needs no torch, and the table of functions agree."""
    assert {name for name, _ in LOSSES} == set(NAMES)
    assert set(LOSSES) == set(VALUES)
