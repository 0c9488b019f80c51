"""Two optimizers that take turns, as adversaries do: each is judged by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.watching import watch as watches
from descend.watching.watch import Watch
from tests.watching.scenes import batch


class Adversaries(nn.Module):
    """A maker and a judge of what it makes."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.maker = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 12))
        self.judge = nn.Sequential(nn.Linear(12, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))

    def forward(self, noise: Tensor) -> Tensor:
        verdict: Tensor = self.judge(self.maker(noise))
        return verdict


def trained(
    every: int | None = None,
    forgets: Sequence[str] = (),
    *,
    calls_whole: bool = False,
    rounds: int = 1,
    watched: str = "both",
    steps: int = 120,
) -> Watch:
    """forgets: whose gradients are never set to 0; rounds: of the judge, for one of the maker."""
    model = Adversaries()
    maker, judge = model.maker, model.judge
    makes = torch.optim.Adam(maker.parameters(), lr=0.002)
    judges = torch.optim.Adam(judge.parameters(), lr=0.002)
    bce = functional.binary_cross_entropy_with_logits
    one, none = torch.ones(16, 1), torch.zeros(16, 1)
    network = model if watched == "both" else judge
    with descend.watch(network, every=every, out=None) as watch:
        for number in range(steps):
            if "judge" not in forgets:
                judges.zero_grad()
            fake = maker(torch.randn(16, 4)).detach()
            (bce(judge(batch(number)[0]), one) + bce(judge(fake), none)).backward()
            judges.step()
            if number % rounds == rounds - 1:
                if "maker" not in forgets:
                    makes.zero_grad()
                noise = torch.randn(16, 4)
                verdict = model(noise) if calls_whole else judge(maker(noise))
                bce(verdict, one).backward()
                makes.step()
    assert watch.failure is None
    return watch


def said(watch: Watch) -> list[str]:
    return [one.code for one in watch.findings if one.severity != "note"]


@pytest.mark.parametrize("every", [None, 1, 2, 3])
@pytest.mark.parametrize("calls_whole", [False, True])
def test_sound_adversaries_are_healthy(every: int | None, calls_whole: bool) -> None:
    """Neither loss falls, one's gradient is no measure of the other's, all answers may be 1."""
    assert said(trained(every, calls_whole=calls_whole)) == []


@pytest.mark.parametrize("forgets", ["judge", "maker"])
@pytest.mark.parametrize("every", [None, 1])
def test_a_gradient_that_one_of_them_never_sets_to_zero_is_stale(
    forgets: str, every: int | None
) -> None:
    assert said(trained(every, [forgets]))[:1] == ["D220"]


def test_the_last_graph_of_a_loss_that_is_rarely_computed_is_not_kept() -> None:
    """A variable holds it until it is set anew, which is all that there is of it."""
    watch = trained(every=5, rounds=5, watched="judge")
    kept = watch.record().loop.kept_graphs
    assert kept is not None
    assert kept[0] <= 1


@pytest.mark.parametrize("every", [2, 4])
def test_both_are_measured_though_each_sample_comes_so_many_steps_later(every: int) -> None:
    watch = trained(every)
    record = watch.record()
    assert watch.observer.optimizers.count == 2
    for layer in record.layers:
        assert (record.series("update_ratio", layer) > 0).mean() > 0.25


def test_nothing_is_told_before_each_may_have_had_its_turn(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """At first the maker has no gradient, and an optimizer of whom nobody knows."""
    monkeypatch.setattr(watches, "FIRST_LOOK", 0.0)
    monkeypatch.setattr(watches, "LOOKS", 1e9)
    trained(every=1, rounds=4)
    assert "step " not in capsys.readouterr().err
