"""Samplers of Optuna draw what the draws of descend could be, and learn from what they are told."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descend.comparison.draw import SAMPLERS, Draw
from descend.comparison.draws import draws_of
from descend.comparison.sampler import WIDE, Sampler, distribution, value_of
from descend.errors import MissingExtraError

optuna = pytest.importorskip("optuna", reason="the extra `search` is not installed")

SAMPLE: dict[str, Any] = {
    "training.lr": "log:1e-4..10",
    "network.activation": ["relu", "tanh"],
    "network.hidden": [[2], [4]],
}


@st.composite
def draws(draw: st.DrawFn) -> Draw:
    kind = draw(st.sampled_from(["uniform", "log", "int", "log-int", "choice"]))
    if kind == "choice":
        values = draw(st.lists(st.integers(1, 99), min_size=1, max_size=9, unique=True))
        return Draw("network.hidden", kind, values=[[value] for value in values])
    if kind in ("int", "log-int"):
        low = draw(st.integers(1 if kind == "log-int" else -1000, 10**6))
        return Draw("training.batch_size", kind, low, low + draw(st.integers(1, 10**6)))
    low = draw(st.floats(1e-300 if kind == "log" else -1e6, 1e6))
    high = draw(st.floats(low, 2e6).filter(lambda high: high > low))
    return Draw("training.lr", kind, low, high)


@given(draws())
def test_each_kind_of_draw_has_its_distribution(draw: Draw) -> None:
    """Ranges keep their ends and their scale; values are drawn by their places."""
    found, kinds = distribution(draw), optuna.distributions
    if draw.kind == "choice":
        assert isinstance(found, kinds.CategoricalDistribution)
        assert [value_of(draw, place) for place in found.choices] == list(draw.values)
        return
    assert draw.low is not None
    assert draw.high is not None
    is_whole = draw.kind in ("int", "log-int")
    is_narrow = draw.high - draw.low <= WIDE
    expected = kinds.IntDistribution if is_whole and is_narrow else kinds.FloatDistribution
    assert isinstance(found, expected)
    assert (found.low, found.high) == (draw.low, draw.high)
    assert found.log == draw.kind.startswith("log")


@given(draws(), st.integers(0, 2**63))
def test_what_is_asked_for_is_a_value_of_the_draw(draw: Draw, seed: int) -> None:
    """Whatever the seed: within the range, whole where it must be, one of the choices."""
    for edits in Sampler("random", [draw], seed, 4, higher_is_better=True).ask(4):
        value = edits[draw.field]
        if draw.kind == "choice":
            assert value in draw.values
        else:
            assert draw.low is not None
            assert draw.high is not None
            assert draw.low <= value <= draw.high
            assert isinstance(value, int if draw.kind in ("int", "log-int") else float)


def played(name: str, seed: int, score: Callable[[Any], float | None]) -> list[dict[str, Any]]:
    """All that a sampler asks for in three batches, told scores of which more is better."""
    sampler = Sampler(name, draws_of(SAMPLE), seed, 10, higher_is_better=True)
    everything = []
    for _ in range(3):
        asked = sampler.ask(10)
        sampler.tell([score(edits) for edits in asked])
        everything += asked
    return [dict(edits) for edits in everything]


def toy(edits: Any) -> float | None:
    """The best rate is 0.01; from 1 on there is none."""
    rate = edits["training.lr"]
    return None if rate > 1 else -abs(math.log10(rate) + 2)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_asks_the_same_again(name: str) -> None:
    """The same seed and the same values give the same draws; another seed gives others."""
    asked = played(name, 7, toy)
    assert played(name, 7, toy) == asked
    assert played(name, 8, toy) != asked


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers_listen_to_what_they_are_told(name: str) -> None:
    """All but two of them ask for something else after other values."""
    same = played(name, 7, toy) == played(name, 7, lambda edits: -(toy(edits) or 0.0))
    assert same == (name in ("random", "qmc"))


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_goes_on_where_everything_fails(name: str) -> None:
    """Three batches of trials without a value end no search."""
    assert len(played(name, 7, lambda edits: None)) == 30


@pytest.mark.parametrize("name", ["tpe", "gp", "cmaes"])
def test_a_sampler_comes_closer(name: str) -> None:
    """The last batch is on average closer to the best rate than the first, which is random."""
    off = [abs(math.log10(edits["training.lr"]) + 2) for edits in played(name, 7, toy)]
    assert sum(off[20:]) < sum(off[:10])


@pytest.mark.parametrize(("package", "name"), [("optuna", "tpe"), ("cmaes", "cmaes")])
def test_a_missing_package_is_an_install_line(
    package: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, not when the sampler first needs it."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=package) as caught:
        Sampler(name, draws_of(SAMPLE), 7, 10, higher_is_better=True)
    assert caught.value.hint == "pip install 'descend[search]'"
