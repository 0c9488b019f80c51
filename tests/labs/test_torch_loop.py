"""The labs' protocol is the unmodified loop of torch.nn and torch.optim with the same seed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import Tensor, nn

from descend.data.sources import load
from descend.laboratory import find_lab
from tests.labs.laboratory import in_memory

Losses = list[float]


def loop(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: Callable[[Tensor, Tensor], Tensor],
    batches: Iterable[tuple[Tensor, Tensor]],
) -> Losses:
    """What every tutorial writes."""
    costs = []
    for x, y in batches:
        optimizer.zero_grad()
        cost = loss(model(x), y)
        cost.backward()
        optimizer.step()
        costs.append(cost.item())
    return costs


def test_xor_nn_is_the_loop_that_the_lecture_printed() -> None:
    """2,000 steps on the plateau, float32; rounding differs and the plateau hardly amplifies it."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    torch.manual_seed(777)
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    optimizer = torch.optim.SGD(model.parameters(), lr=1)
    costs = loop(model, optimizer, nn.BCELoss(), [(x, y)] * 1500)
    run = in_memory(find_lab("xor-nn").recipe, epochs=1500)
    assert [row["train/loss"] for row in run.history] == pytest.approx(costs, rel=1e-5)


def test_mnist_nn_xavier_is_the_loop_that_the_lecture_printed() -> None:
    """On digits: weights, order of examples and Adam's steps; rounding grows with each epoch."""
    recipe = find_lab("mnist-nn-xavier").recipe.edited({"data.source": "digits"})
    train = load(recipe.data).train
    x, y = train.x.float() / 16, train.y
    torch.manual_seed(777)
    linears = [nn.Linear(64, 256), nn.Linear(256, 256), nn.Linear(256, 10)]
    for linear in linears:
        nn.init.xavier_uniform_(linear.weight)
    model = nn.Sequential(linears[0], nn.ReLU(), linears[1], nn.ReLU(), linears[2])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    costs = []
    for _ in range(3):
        torch.empty((), dtype=torch.int64).random_()
        order = torch.randperm(len(x)).split(100)
        batches = [(x[rows], y[rows]) for rows in order if len(rows) == 100]
        each = loop(model, optimizer, nn.CrossEntropyLoss(), batches)
        costs.append(sum(each) / len(each))
    run = in_memory(recipe, epochs=3)
    assert [row["train/loss"] for row in run.history] == pytest.approx(costs, rel=1e-4)
