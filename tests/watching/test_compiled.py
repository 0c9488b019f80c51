"""A network that is compiled stays compiled: no graph more, no break, no second compilation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch._dynamo import reset
from torch._dynamo.utils import counters
from torch.nn import functional

import descend
from descend.findings.record import Record
from tests.watching.scenes import batch

Counts = dict[str, dict[str, int]]
COUNTED = ("stats", "frames", "graph_break", "recompiles")


class Model(nn.Module):
    """Two parts, one of which may be compiled alone."""

    def __init__(self) -> None:
        super().__init__()
        self.body: Any = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 16))
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(torch.relu(self.body(x)))
        return y


def wrapped(model: Model, backend: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    compiled = torch.compile(model, backend=backend)
    assert isinstance(compiled, nn.Module)
    return compiled, compiled


def in_place(model: Model, backend: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    model.compile(backend=backend)
    return model, model


def behind_it(model: Model, backend: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """The plain module is watched, the loop calls the compiled one."""
    return model, torch.compile(model, backend=backend)


def in_part(model: Model, backend: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    model.body = torch.compile(model.body, backend=backend)
    return model, model


def step_whole(model: Model, backend: str) -> tuple[nn.Module, Callable[[Tensor], Tensor]]:
    """A function around the module is compiled."""

    def call(x: Tensor) -> Tensor:
        y: Tensor = model(x)
        return y

    return model, torch.compile(call, backend=backend)


def trained(
    make: Callable[[Model, str], tuple[nn.Module, Callable[[Tensor], Tensor]]],
    backend: str,
    *,
    is_watched: bool,
) -> tuple[Counts, dict[str, Tensor], Record | None]:
    """Counts of the compiler, weights, and what was seen."""
    reset()
    counters.clear()
    torch.manual_seed(0)
    inner = Model()
    model, call = make(inner, backend)
    optimizer = torch.optim.Adam(inner.parameters(), lr=0.01)
    watch = descend.watch(model, optimizer, every=2, out=None, quiet=True)
    for number in range(9):
        if number == 3 and is_watched:  # after its compilation: nothing may be compiled again
            watch.start()
        x, y = batch(number)
        optimizer.zero_grad()
        functional.cross_entropy(call(x), y).backward()
        optimizer.step()
    watch.stop()
    assert watch.failure is None
    counts = {name: dict(counters[name]) for name in COUNTED}
    return counts, dict(inner.state_dict()), watch.record() if is_watched else None


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("make", [wrapped, in_place, behind_it, in_part, step_whole])
def test_nothing_is_compiled_again(make: Any, backend: str) -> None:
    counts, weights, _ = trained(make, backend, is_watched=False)
    watched_counts, watched_weights, record = trained(make, backend, is_watched=True)
    if make is behind_it:  # nobody can know that there is a compiled one: the hook is looked at
        watched_counts["frames"] = counts["frames"]
    assert watched_counts == counts
    assert counts["stats"]["unique_graphs"] >= 1
    assert all(torch.equal(weights[name], watched_weights[name]) for name in weights)
    assert record is not None
    assert len(record.steps) == 3
    assert (record.quantities["gradient_norm"] > 0).all()
    assert (record.quantities["update_ratio"] > 0).all()
    assert (record.losses > 0).all()
    assert record.training.loss == "cross_entropy"
    assert [layer.name for layer in record.layers] == ["body.0", "body.2", "head"]
    assert not any((record.loop.unused, record.loop.unreached, record.loop.outside))


def test_a_network_that_is_watched_before_it_is_compiled_is_compiled_once() -> None:
    reset()
    counters.clear()
    torch.manual_seed(0)
    inner = Model()
    compiled = torch.compile(inner, backend="eager")
    optimizer = torch.optim.Adam(inner.parameters(), lr=0.01)
    with descend.watch(inner, optimizer, every=1, out=None, quiet=True) as watch:
        for number in range(5):
            x, y = batch(number)
            optimizer.zero_grad()
            functional.cross_entropy(compiled(x), y).backward()
            optimizer.step()
    assert watch.failure is None
    assert counters["stats"]["unique_graphs"] == 1
    assert not counters["graph_break"]
    assert len(watch.record().steps) == 5
