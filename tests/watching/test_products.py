"""Class numbers where a written-out cross-entropy wants one-hot rows are told from its graph."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - as everybody calls it

import descend
from descend.watching.products import product_with_labels
from descend.watching.watch import Watch
from tests.watching.scenes import batch

Loss = Callable[[Tensor, Tensor], Tensor]


def column(y: Tensor) -> Tensor:
    return y.float().unsqueeze(1)


def as_keras(p: Tensor, y: Tensor) -> Tensor:
    """Probabilities that sum to 1, and a bound."""
    p = (p / p.sum(1, keepdim=True)).clamp(1e-7, 1 - 1e-7)
    return -(column(y) * p.log()).sum(-1).mean()


FAULTS: dict[str, Loss] = {
    "as Keras": as_keras,
    "in one mean": lambda p, y: -(p.log() * column(y)).mean(),
    "the sign in front": lambda p, y: (-column(y) * p.log()).sum(1).mean(),
    "with something added": lambda p, y: as_keras(p, y) + 0.0,
    "log-softmax": lambda z, y: -(column(y) * z.log_softmax(1)).sum() / len(y),
}
SOUND: dict[str, Loss] = {
    "one-hot rows": lambda p, y: -(F.one_hot(y, 3) * p.log()).sum(1).mean(),
    "smoothed rows": lambda p, y: -((0.9 * F.one_hot(y, 3) + 0.1 / 3) * p.log()).sum(1).mean(),
    "weighted examples": lambda p, y: -(column(y) * (F.one_hot(y, 3) * p.log())).sum(1).mean(),
    "weighted classes": lambda p, y: -(torch.arange(3) * F.one_hot(y, 3) * p.log()).sum(1).mean(),
    "rewards of chosen ones": lambda p, y: -(p.gather(1, y[:, None]).log() * column(y)).mean(),
    "rewards of several": lambda p, y: (
        -(p.gather(1, y[:, None].repeat(1, 2)).log() * column(y)).mean()
    ),
    "something beside it": lambda p, y: F.nll_loss(p.log(), y) - 0.1 * (column(y) * p.log()).mean(),
    "rewards of any size": lambda p, y: -(0.5 * column(y) * p.log()).mean(),
}


def is_two(y: Tensor) -> Tensor:
    return (y == 2).unsqueeze(1)


MASKS: dict[str, Loss] = {
    "booleans": lambda p, y: -(is_two(y) * p.log()).mean(),
    "no booleans that are true": lambda p, y: -((is_two(y) & False) * p.log()).sum(),
    "numbers": lambda p, y: -(is_two(y).float() * p.log()).sum() / (1 + is_two(y).sum()),
    "whole numbers": lambda p, y: -(is_two(y).long() * p.log()).mean(),
}


@pytest.mark.parametrize("name", MASKS)
def test_masks_of_examples_are_no_class_numbers(name: str) -> None:
    """A term that draws some examples' answers towards even ones."""
    assert "D233" not in {one.code for one in watched(MASKS[name]).findings}


def watched(loss_of: Loss) -> Watch:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Linear(32, 3), nn.Softmax(1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with descend.watch(model, every=2, out=None, quiet=True) as watch:
        for number in range(80):
            optimizer.zero_grad()
            x, y = batch(number, 32)
            loss_of(model(x), y).backward()
            optimizer.step()
    assert watch.failure is None
    return watch


@pytest.mark.parametrize("name", FAULTS)
def test_labels_that_multiply_all_logarithms_come_first(name: str) -> None:
    first = watched(FAULTS[name]).findings[0]
    assert (first.code, first.severity) == ("D233", "error")
    assert "(32, 1)" in first.evidence
    assert "(32, 3)" in first.evidence
    assert first.numbers == {"least": 0, "most": 2, "outputs": 3}
    assert all(remedy.write for remedy in first.remedies)


@pytest.mark.parametrize("name", SOUND)
def test_other_products_with_logarithms_are_not_told(name: str) -> None:
    watch = watched(SOUND[name])
    assert watch.record().loop.label_factors is None
    assert "D233" not in str(watch.examination)


def test_a_loss_of_nothing_but_numbers_has_no_product() -> None:
    for root in (torch.ones(3, requires_grad=True).sum(), torch.ones(3, requires_grad=True).prod()):
        assert product_with_labels(root) is None
