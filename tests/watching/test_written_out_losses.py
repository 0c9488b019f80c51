"""Losses that a loop writes out are known by what they compute, whatever computes it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

import descend
from descend.findings.record import Record

NLL, EACH = nn.NLLLoss(), nn.CrossEntropyLoss(reduction="none")
Loss = Callable[[Tensor, Tensor], Tensor]


def watched(loss: Loss, criterion: nn.Module | None, *last: nn.Module) -> Record:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), *last)
    x, y = torch.randn(30, 4), torch.randint(0, 3, (30,))
    with descend.watch(network, loss=criterion, every=1, out=None, quiet=True) as watch:
        loss(network(x), y).backward()
    assert watch.failure is None
    return watch.record()


@pytest.mark.parametrize("criterion", [None, NLL])
@pytest.mark.parametrize(
    ("loss", "last", "name", "on"),
    [
        (lambda o, y: NLL(torch.log(o), y), nn.Softmax(-1), "cross_entropy", "probabilities"),
        (lambda o, y: NLL(F.log_softmax(o, -1), y), None, "cross_entropy", "logits"),
        (lambda o, y: NLL(o, y), nn.LogSoftmax(-1), "nll", "logits"),
    ],
)
def test_a_logarithm_in_front_of_nll_is_part_of_the_loss(
    loss: Loss, last: nn.Module | None, name: str, on: str, criterion: nn.Module | None
) -> None:
    training = watched(loss, criterion, *([] if last is None else [last])).training
    assert (training.loss, training.loss_on) == (name, on)


@pytest.mark.parametrize(
    ("loss", "reduction"),
    [
        (lambda o, y: EACH(o, y).mean(), "mean"),
        (lambda o, y: EACH(o, y).sum() / len(y), "mean"),
        (lambda o, y: EACH(o, y).sum(), "sum"),
    ],
)
def test_what_is_made_of_one_loss_for_each_example_is_known(loss: Loss, reduction: str) -> None:
    assert watched(loss, EACH).training.reduction == reduction


class OfProbabilities(nn.Module):
    """A criterion of somebody's own."""

    def forward(self, p: Tensor, y: Tensor) -> Tensor:
        """Cross-entropy of probabilities."""
        return F.nll_loss(p.clamp_min(1e-7).log(), y)


def test_a_criterion_of_an_unknown_kind_is_read_off_its_graph() -> None:
    criterion = OfProbabilities()
    record = watched(criterion, criterion, nn.Softmax(-1))
    assert (record.training.loss, record.training.loss_on) == ("cross_entropy", "probabilities")
    assert (record.loop.labels, record.loop.outputs, record.loop.output_shape) == (3, 3, None)
