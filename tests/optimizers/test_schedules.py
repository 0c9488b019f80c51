"""Learning-rate schedules against `torch.optim.lr_scheduler`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from descend.errors import RecipeError, RunError
from descend.optimizers import SCHEDULE_SETTINGS, Plateau, factor
from descend.optimizers.schedules import SCHEDULES

LR = 0.3
# Both are closed forms or short products in float64.
AGREE = {"rel": 1e-9, "abs": 1e-12}


def _torch_rates(make: Callable[[Any], Any], steps: int) -> list[float]:
    """The rates of torch's scheduler, advanced once after each step."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=LR)
    scheduler = make(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


@given(st.integers(1, 7), st.floats(0.01, 1), st.integers(1, 5))
def test_step_drops_as_step_lr_does(size: int, gamma: float, per_epoch: int) -> None:
    """StepLR, advanced after each epoch."""
    expected = _torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, size, gamma), 20
    )
    given = {"step_size": size, "gamma": gamma}
    for step in range(20 * per_epoch):
        rate = LR * factor("step", given, step, per_epoch, 20 * per_epoch)
        assert rate == pytest.approx(expected[step // per_epoch], **AGREE)


@given(st.integers(1, 60), st.floats(0, 1))
def test_cosine_falls_as_cosine_annealing_does(total: int, final: float) -> None:
    """CosineAnnealingLR with T_max = all steps, advanced after each of them."""
    expected = _torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, total, eta_min=final * LR
        ),
        total,
    )
    rates = [LR * factor("cosine", {"final": final}, step, 1, total) for step in range(total)]
    assert rates == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.integers(5, 80), st.floats(0.25, 0.9), st.floats(1, 50), st.floats(1, 1e5))
def test_one_cycle_rises_and_falls_as_torch_has_it(
    total: int, pct_start: float, div_factor: float, final_div_factor: float
) -> None:
    """OneCycleLR with the base rate as its peak."""
    given = {
        "pct_start": pct_start,
        "div_factor": div_factor,
        "final_div_factor": final_div_factor,
    }
    expected = _torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.OneCycleLR(
            optimizer, LR, total, cycle_momentum=False, **given
        ),
        total - 1,
    )
    rates = [LR * factor("one_cycle", given, step, 1, total) for step in range(total - 1)]
    assert rates == pytest.approx(expected, **AGREE)


@pytest.mark.parametrize("total", [1, 2, 3])
def test_one_cycle_knows_short_trainings(total: int) -> None:
    """Where torch divides by zero the factor is a number from 0 to 1 all the same."""
    for pct_start in (0.0, 0.3, 0.5, 1.0):
        factors = [
            factor("one_cycle", {"pct_start": pct_start}, step, 1, total) for step in range(total)
        ]
        assert all(0 < one <= 1 for one in factors)


@given(st.integers(1, 30), st.floats(0.01, 1))
def test_warmup_rises_as_linear_lr_does(steps: int, first: float) -> None:
    """LinearLR, advanced after each step; epochs are that many times the steps of an epoch."""
    expected = _torch_rates(
        lambda optimizer: torch.optim.lr_scheduler.LinearLR(
            optimizer, start_factor=first, total_iters=steps
        ),
        40,
    )
    given = {"steps": steps, "start": first}
    rates = [LR * factor("warmup", given, step, 1, 40) for step in range(40)]
    assert rates == pytest.approx(expected, **AGREE)
    by_epochs = {"epochs": 2, "start": first}
    assert [factor("warmup", by_epochs, step, 5, 40) for step in range(40)] == [
        factor("warmup", {"steps": 10, "start": first}, step, 5, 40) for step in range(40)
    ]


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_factor_is_from_0_to_1_also_after_the_last_step(name: str) -> None:
    """No schedule raises the rate above the base or below nothing, however long it is asked."""
    factors = [factor(name, {}, step, 5, 50) for step in range(80)]
    assert all(0 <= one <= 1 for one in factors)
    assert all(type(one) is float for one in factors)


def test_the_constant_schedule_changes_nothing() -> None:
    """Its factor is 1."""
    assert factor("constant", {}, 17, 5, 100) == 1.0


def test_every_schedule_has_its_settings() -> None:
    """The names of the recipe are those of the functions, and plateau."""
    assert set(SCHEDULE_SETTINGS) == {*SCHEDULES, "plateau"}


def test_an_unknown_schedule_is_named_with_the_nearest_known_one() -> None:
    """The error says what was given, what exists, and what was probably meant."""
    with pytest.raises(RecipeError, match="cosin") as error:
        factor("cosin", {}, 0, 1, 1)
    assert error.value.hint == "did you mean 'cosine'?"
    with pytest.raises(RecipeError, match="plateau is no function of the step"):
        factor("plateau", {}, 0, 1, 1)


_METRIC = st.sampled_from([1.0, 0.99995, 0.9, 0.8, 0.5, 0.1, math.nan, math.inf])
_PLATEAU = st.fixed_dictionaries(
    {},
    optional={
        "factor": st.floats(0, 0.95),
        "patience": st.integers(0, 3),
        "threshold": st.floats(0, 0.2),
        "cooldown": st.integers(0, 3),
        "min_lr": st.floats(0, 0.05),
    },
)


@given(
    st.lists(_PLATEAU, min_size=3, max_size=3),
    st.lists(st.tuples(_METRIC, _METRIC, _METRIC), min_size=1, max_size=40),
    st.sampled_from(["min", "max"]),
)
def test_each_run_has_a_plateau_of_its_own(
    rows: list[dict[str, Any]], metrics: list[tuple[float, ...]], mode: Any
) -> None:
    """ReduceLROnPlateau for each run, NaN metrics included."""
    base = torch.tensor([[0.3], [0.1], [0.02]], dtype=torch.float64)
    plateau = Plateau(base, [{**row, "mode": mode} for row in rows])
    optimizers = [
        torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=float(lr)) for lr in base
    ]
    schedulers = [
        torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, mode, **row)
        for optimizer, row in zip(optimizers, _with_torch_defaults(rows), strict=True)
    ]
    for seen in metrics:
        change = plateau.update(torch.tensor(seen).unsqueeze(1))
        for scheduler, metric in zip(schedulers, seen, strict=True):
            scheduler.step(metric)
        expected = [optimizer.param_groups[0]["lr"] for optimizer in optimizers]
        assert (base * change).flatten().tolist() == pytest.approx(expected, **AGREE)


def _with_torch_defaults(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"factor": 0.1, "patience": 10, **row} for row in rows]


def test_a_plateau_is_continued_and_may_lose_runs() -> None:
    """State and `keep` give the remaining runs the same factors as before."""
    metrics = torch.rand(30, 3, 1, generator=torch.Generator().manual_seed(0))
    rows = [{"patience": 1}, {"patience": 2, "factor": 0.5}, {"cooldown": 2, "patience": 0}]
    base = torch.full((3, 1), 0.1)
    whole, first, second = (Plateau(base, rows) for _ in range(3))
    expected = [whole.update(metric).clone() for metric in metrics]
    for metric in metrics[:10]:
        first.update(metric)
    second.load_state(first.state())
    kept = torch.tensor([0, 2])
    second.keep(kept)
    for metric, all_of_them in zip(metrics[10:], expected[10:], strict=True):
        assert torch.equal(second.update(metric[kept]), all_of_them[kept])
    with pytest.raises(RunError, match="plateau"):
        second.load_state(whole.state())


def test_impossible_plateaus_are_refused() -> None:
    """A wrong setting, or two modes in one stack."""
    base = torch.full((2, 1), 0.1)
    with pytest.raises(RecipeError, match="`factor` of plateau must be"):
        Plateau(base, [{"factor": 2}, {}])
    with pytest.raises(RecipeError, match="`mode` differs"):
        Plateau(base, [{"mode": "max"}, {}])
