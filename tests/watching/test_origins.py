"""Where numbers cease to be numbers is told at the step where it happens, sampled or not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.watching.watch import Watch
from tests.watching.scenes import batch

AT = 30


class Exp(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.exp()


def network(middle: nn.Module | None = None) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 16), middle or nn.ReLU(), nn.Linear(16, 3)
    )


def watched(
    model: nn.Sequential, spoil: Callable[[Tensor], Tensor], every: int, lr: float = 0.01
) -> Watch:
    """A loop whose batch is spoilt at one step."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    with descend.watch(model, every=every, out=None, quiet=True) as watch:
        for number in range(AT + 10):
            x, y = batch(number)
            if number == AT:
                x = spoil(x)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert watch.failure is None
    assert watch.status == "diverged"
    return watch


def said(watch: Watch) -> tuple[str, str, int | None]:
    first = watch.findings[0]
    return first.code, str(first.place), first.since


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_the_layer_that_overflows_is_named_and_not_those_that_pass_it_on(every: int) -> None:
    model = network(Exp())

    def spoil(x: Tensor) -> Tensor:
        with torch.no_grad():
            model[2].weight.mul_(1e4)
        return x

    watch = watched(model, spoil, every)
    assert said(watch) == ("D203", "layer 2 of 3 (2)", AT)
    assert "exp" in watch.findings[0].cause


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_weights_that_a_step_has_thrown_away_are_told_from_activations(every: int) -> None:
    """At a rate beyond all measure the first step takes the weights, and the loss shows it next."""
    watch = watched(network(), lambda x: x, every, lr=1e30)
    code, _, since = said(watch)
    assert (code, since) == ("D203", 1)
    assert watch.findings[0].evidence.startswith("weights not finite")


@pytest.mark.parametrize("every", [1, 7, 1000])
def test_inputs_that_are_no_numbers_show_in_the_first_layer(every: int) -> None:
    watch = watched(network(), lambda x: x * torch.nan, every)
    assert said(watch) == ("D203", "layer 1 of 3 (0)", AT)
    assert watch.findings[0].evidence.startswith("inputs not finite")


def test_a_loss_that_was_no_number_once_is_no_divergence() -> None:
    """A gradient scaler leaves such a step out, and so may a loop of one's own."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    for every in (1, 1000):
        with descend.watch(model, every=every, out=None, quiet=True) as watch:
            for number in range(AT):
                x, y = batch(number)
                loss = functional.cross_entropy(model(x if number != 10 else x * torch.nan), y)
                optimizer.zero_grad()
                loss.backward()
                if loss.isfinite():
                    optimizer.step()
        assert watch.failure is None
        assert watch.status == "finished"
