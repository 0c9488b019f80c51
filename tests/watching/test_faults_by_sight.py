"""Faults that a loop's samples show only where they are weighed as they should be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.watching.anatomy import anatomy_of
from descend.watching.conduct import Conduct
from descend.watching.watch import Watch
from tests.watching.scenes import batch

STEPS = 60


def watched(
    model: nn.Module,
    outputs_of: Callable[[Tensor], Any] | None = None,
    loss_of: Callable[[Any, Tensor], Tensor] = functional.cross_entropy,
    lr: float = 0.1,
    after_step: Callable[[int], object] = lambda number: None,
) -> Watch:
    """The usual loop, each step sampled."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    with descend.watch(model, every=1, out=None, quiet=True) as watch:
        for number in range(STEPS):
            x, y = batch(number, 64)
            optimizer.zero_grad()
            loss_of((outputs_of or model)(x), y).backward()
            optimizer.step()
            after_step(number)
    assert watch.failure is None
    return watch


def said(watch: Watch) -> list[tuple[str, str]]:
    """Code and place of what is graver than a note."""
    found = [one for one in watch.findings if one.severity != "note"]
    return [(one.code, str(one.place)) for one in found]


def test_a_pass_that_is_looked_at_stands_for_those_before_it() -> None:
    """Samples are dense at the start: what is forgotten after an epoch shows in few of them."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout())
    conduct, anatomy = Conduct(), anatomy_of(model)
    for passes, trains in ((1, True), (2, True), (4, True), (100, False)):
        conduct.order.passes = conduct.order.backwards = passes
        model.train(trains)
        conduct.look_at_modes(anatomy.moded, trains=True)
    assert conduct.loop(anatomy).in_eval == {"1": 0.96}


def test_outputs_that_are_cut_off_are_no_forgotten_gradient() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3))
    cut = watched(model, lambda x: model(x).detach().requires_grad_())
    assert said(cut) == [("D227", "layer 2 of 2 (2)")]
    assert "D222" in [one.code for one in cut.findings[0].consequences]


class Hidden(nn.Module):
    """ReLU behind a norm, as a function: what it gives is not at hand."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Linear(12, 16), nn.BatchNorm1d(16)
        self.second, self.last = nn.Linear(16, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.norm(self.first(x)))
        y: Tensor = self.last(functional.relu(self.second(x)))
        return y


def test_a_dead_layer_is_named_though_another_could_not_be_measured() -> None:
    torch.manual_seed(0)
    assert said(watched(Hidden())) == []
    dead = Hidden()
    nn.init.constant_(dead.second.bias, -20.0)
    assert said(watched(dead)) == [("D204", "layer 2 of 3 (second)")]


def test_a_rate_that_kills_a_network_is_what_is_named_and_not_the_stillness_after_it() -> None:
    torch.manual_seed(0)
    layers = [nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3)]
    assert [code for code, _ in said(watched(nn.Sequential(*layers), lr=100.0))][:1] == ["D208"]


def test_passes_that_learn_running_statistics_are_no_evaluation() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    batches = [batch(number)[0] for number in range(4)]

    def average(number: int) -> None:
        torch.optim.swa_utils.update_bn(batches, model)

    assert said(watched(model, after_step=average)) == []


def test_losses_of_two_tasks_are_no_examples_of_one() -> None:
    """The labels of the first are no classes of the second."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 4))

    def loss_of(z: Tensor, y: Tensor) -> Tensor:
        is_two = (y == 2).float()
        second = functional.binary_cross_entropy_with_logits(z[:, 3], is_two)
        return functional.cross_entropy(z[:, :3], y) + second

    assert said(watched(model, loss_of=loss_of)) == []


@pytest.mark.parametrize("shift", [-1.0, 1.0])
def test_targets_that_are_no_probabilities_are_told(shift: float) -> None:
    torch.manual_seed(0)

    def loss_by(shift: float) -> Callable[[Any, Tensor], Tensor]:
        bce = functional.binary_cross_entropy_with_logits
        return lambda z, y: bce(z[:, 0], (y > 0).float() + shift)

    model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 1))
    assert said(watched(model, loss_of=loss_by(0.0))) == []
    assert [code for code, _ in said(watched(model, loss_of=loss_by(shift)))] == ["D138"]


@pytest.mark.parametrize("ignored", [-100, 255])
@pytest.mark.parametrize("is_given", [False, True])
def test_a_label_that_the_loss_leaves_out_needs_no_output(ignored: int, is_given: bool) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 3))
    criterion = nn.CrossEntropyLoss(ignore_index=ignored)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = criterion if is_given else None
    with descend.watch(model, loss=loss, every=1, out=None, quiet=True) as watch:
        for number in range(STEPS):
            x, y = batch(number)
            y[::4] = ignored
            optimizer.zero_grad()
            criterion(model(x), y).backward()
            optimizer.step()
    assert watch.record().loop.label_range == (0, 2)
    assert said(watch) == []


def test_examples_may_come_one_by_one() -> None:
    """Without a batch around it an example's outputs are the classes, and its label has no axis."""
    torch.manual_seed(0)
    x, y = batch(0, STEPS)
    for outputs, loss_of in (
        (3, functional.cross_entropy),
        (1, lambda z, y: functional.mse_loss(z.squeeze(), y.float())),
    ):
        model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, outputs))
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        with descend.watch(model, every=1, out=None, quiet=True) as watch:
            for one, answer in zip(x, y, strict=True):
                optimizer.zero_grad()
                loss_of(model(one), answer).backward()
                optimizer.step()
        assert watch.failure is None
        assert said(watch) == []


WRITTEN_OUT: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "squares": lambda z, y: ((z - y) ** 2).mean(),
    "sizes": lambda z, y: (y - z).abs().mean(),
    "root": lambda z, y: (z - y).pow(2).mean().sqrt(),
}


@pytest.mark.parametrize("name", WRITTEN_OUT)
def test_targets_that_are_broadcast_are_told_of_a_loss_that_is_written_out(name: str) -> None:
    def loss_by(axis: int | None, of: int | None) -> Callable[[Any, Tensor], Tensor]:
        def loss_of(z: Tensor, y: Tensor) -> Tensor:
            z, y = z if axis is None else z.squeeze(axis), y.float()
            return WRITTEN_OUT[name](z, y if of is None else y.unsqueeze(of))

        return loss_of

    def codes(loss_of: Callable[[Any, Tensor], Tensor]) -> list[str]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 1))
        return [code for code, _ in said(watched(model, loss_of=loss_of, lr=0.02))][:1]

    assert codes(loss_by(axis=1, of=None)) == codes(loss_by(axis=None, of=1)) == []
    assert codes(loss_by(axis=None, of=None)) == codes(loss_by(axis=1, of=1)) == ["D233"]


def test_distances_of_all_from_all_are_no_broadcast_targets() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 1))

    def loss_of(z: Tensor, y: Tensor) -> Tensor:
        return (z - z.T).pow(2).mean() + (z.squeeze(1) - y).pow(2).mean()

    watch = watched(model, loss_of=loss_of, lr=0.02)
    assert watch.record().loop.target_shape is None
