"""Each fault of a loop is the first thing that its watch says, and only that."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.watching.watch import Watch
from tests.watching.scenes import batch

STEPS = 120


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 24), nn.BatchNorm1d(24), nn.ReLU(), nn.Dropout(0.1), nn.Linear(24, 3)
    )


def watched(loop: Callable[[nn.Sequential], Iterator[None]], every: int | None = 5) -> Watch:
    model = network()
    with descend.watch(model, every=every, out=None, quiet=True) as watch:
        for _ in loop(model):
            pass
    assert watch.failure is None
    return watch


def steps(
    model: nn.Sequential,
    order: str = "zero pass back step",
    loss_of: Callable[[Tensor, Tensor], Tensor] = functional.cross_entropy,
    trains: str | None = None,
    lr: float = 0.05,
) -> Iterator[None]:
    """A loop that does these things in this order; trains: the parameters, by their beginning."""
    named = model.named_parameters()
    own = [one for name, one in named if trains is None or name.startswith(trains)]
    optimizer = torch.optim.SGD(own, lr=lr)
    loss = torch.zeros(())
    for number in range(STEPS):
        x, y = batch(number, 32)
        for word in order.split():
            if word == "zero":
                model.zero_grad()
            elif word == "pass":
                loss = loss_of(model(x), y)
            elif word == "back":
                loss.backward()
            elif word == "step":
                optimizer.step()
            elif word == "ask":
                with torch.no_grad():
                    model(x)
        yield


def in_eval(model: nn.Sequential) -> Iterator[None]:
    model.eval()
    yield from steps(model)


def cut(model: nn.Sequential) -> Iterator[None]:
    model[1].register_forward_hook(lambda module, given, output: output.detach())
    yield from steps(model)


def hoarding(model: nn.Sequential) -> Iterator[None]:
    kept = []

    def loss_of(z: Tensor, y: Tensor) -> Tensor:
        kept.append(functional.cross_entropy(z, y))
        return kept[-1]

    yield from steps(model, loss_of=loss_of)


FAULTS: dict[str, tuple[str, Callable[[nn.Sequential], Iterator[None]]]] = {
    "D220": ("no zero_grad", lambda m: steps(m, "pass back step", lr=0.2)),
    "D221": ("step before backward", lambda m: steps(m, "zero pass step back")),
    "D222": ("zero_grad after backward", lambda m: steps(m, "pass back zero step")),
    "D223": ("no step", lambda m: steps(m, "zero pass back")),
    "D224": ("no backward", lambda m: steps(m, "zero pass step")),
    "D225": ("last layer not in the optimizer", lambda m: steps(m, trains="0")),
    "D227": ("detached", cut),
    "D229": ("eval", in_eval),
    "D230": ("no eval", lambda m: steps(m, "zero pass back step ask")),
    "D232": ("graphs", hoarding),
    "D234": ("negated", lambda m: steps(m, loss_of=lambda z, y: -functional.cross_entropy(z, y))),
    "D110": (
        "softmax twice",
        lambda m: steps(m, loss_of=lambda z, y: functional.cross_entropy(z.softmax(1), y)),
    ),
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_of_the_loop_is_what_is_said_first(code: str) -> None:
    _, loop = FAULTS[code]
    watch = watched(loop)
    assert [finding.code for finding in watch.findings][:1] == [code]


def test_a_sound_loop_is_healthy() -> None:
    for every in (1, 5, None):
        watch = watched(lambda model: steps(model, "zero pass back step"), every)
        assert watch.examination is not None
        assert watch.examination.is_healthy
        assert len(watch.examination.ran) > 50
