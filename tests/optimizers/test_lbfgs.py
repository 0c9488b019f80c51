"""LBFGS against `torch.optim.LBFGS`, on losses with curved valleys and several minima."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from descend.optimizers.build import build
from descend.optimizers.history import History
from descend.optimizers.strong_wolfe import Point, strong_wolfe
from tests.optimizers.oracle import start, torch_optimizer

RUNS, PARAMETERS = 3, 6


def evaluate(x: Tensor, run: int) -> tuple[Tensor, Tensor]:
    """A Rosenbrock chain of the run's own steepness with waves on it: loss and gradient."""
    steepness, waves = 3.0 * (run + 1), run + 2.0
    off, left = x[1:] - x[:-1].square(), 1 - x[:-1]
    loss = (steepness * off.square() + left.square()).sum() + 0.3 * torch.cos(waves * x).sum()
    gradient = -0.3 * waves * torch.sin(waves * x)
    gradient[1:] += 2 * steepness * off
    gradient[:-1] -= 4 * steepness * off * x[:-1] + 2 * left
    return loss, gradient


def test_the_gradient_of_these_tests_is_autograds() -> None:
    """The hand-written gradient is the loss's."""
    x = start(RUNS, PARAMETERS)[1].requires_grad_()
    loss, gradient = evaluate(x, 1)
    (expected,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


class Stack:
    """The losses of all runs, each computed alone so that its bits do not depend on the others."""

    def __init__(self, runs: Sequence[int] = range(RUNS), dtype: torch.dtype = torch.float64):
        self.runs = runs
        self.theta = start(RUNS, PARAMETERS).to(dtype)[list(runs)]
        self.gradient = torch.zeros_like(self.theta)
        self.evaluations = 0

    def again(self) -> Tensor:
        self.evaluations += 1
        losses = torch.zeros(len(self.runs), dtype=self.theta.dtype)
        for row, run in enumerate(self.runs):
            losses[row], self.gradient[row] = evaluate(self.theta[row], run)
        return losses

    def step(self, optimizer: Any) -> Tensor:
        loss = self.again()
        optimizer.step(self.theta, self.gradient, self.again, loss)
        return loss


class Reference:
    """One run, with `torch.optim.LBFGS`."""

    def __init__(self, run: int, setting: dict[str, Any]):
        self.run = run
        self.x = torch.nn.Parameter(start(RUNS, PARAMETERS)[run].clone())
        self.optimizer = torch_optimizer("lbfgs", [self.x], setting)

    def step(self) -> None:
        def closure() -> Tensor:
            loss, self.x.grad = evaluate(self.x.detach(), self.run)
            return loss

        self.optimizer.step(closure)


def _rows(search: str | None) -> st.SearchStrategy[list[dict[str, Any]]]:
    lr = st.floats(0.001, 0.02) if search is None else st.floats(0.05, 2)
    numbers = st.fixed_dictionaries(
        {"lr": lr},
        optional={
            "max_iter": st.integers(1, 25),
            "max_eval": st.integers(1, 40),
            "history_size": st.integers(1, 8),
            "tolerance_grad": st.floats(1e-12, 1e-2),
            "tolerance_change": st.floats(1e-12, 1e-3),
        },
    )
    rows = st.lists(numbers, min_size=RUNS, max_size=RUNS)
    return rows.map(lambda drawn: [{**row, "line_search": search} for row in drawn])


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
@settings(max_examples=5)
@given(data=st.data())
def test_each_run_moves_as_torch_moves_it(search: str | None, data: st.DataObject) -> None:
    """After each of 10 steps (200 moves by default) every run is where torch.optim.LBFGS puts it.

    Also where that is nowhere: without a line search some of these runs diverge.
    The operations are the same ones in the same order, so the tolerance is for another machine's
    sums only: near a minimum a rounding could end a search one move earlier.
    """
    rows = data.draw(_rows(search))
    stack = Stack()
    optimizer: Any = build("lbfgs", stack.theta, rows)
    references = [Reference(run, setting) for run, setting in enumerate(rows)]
    for _ in range(10):
        stack.step(optimizer)
        for row, reference in enumerate(references):
            reference.step()
            expected = reference.x.detach()
            torch.testing.assert_close(
                stack.theta[row], expected, rtol=1e-9, atol=1e-9, equal_nan=True
            )
            told = reference.optimizer.state[reference.x]
            assert optimizer.histories[row].iterations == told["n_iter"]
            assert optimizer.histories[row].evaluations == told["func_evals"]


def test_the_defaults_are_those_of_torch() -> None:
    """Without any setting each run moves as with torch's defaults, to wherever lr 1 leads it."""
    stack = Stack()
    optimizer = build("lbfgs", stack.theta, [{}] * RUNS)
    stack.step(optimizer)
    for run in range(RUNS):
        reference = Reference(run, {})
        reference.step()
        torch.testing.assert_close(
            stack.theta[run], reference.x.detach(), rtol=1e-9, atol=1e-9, equal_nan=True
        )


def test_the_line_search_reaches_a_minimum() -> None:
    """With strong-Wolfe steps every run ends where its gradient is 0."""
    stack = Stack()
    row = {"line_search": "strong_wolfe", "tolerance_change": 0.0, "tolerance_grad": 1e-8}
    optimizer = build("lbfgs", stack.theta, [row] * RUNS)
    for _ in range(10):
        stack.step(optimizer)
    stack.again()
    assert stack.gradient.abs().max() < 1e-5


def test_the_loss_need_not_be_given() -> None:
    """Without `loss` the rule asks for it, one evaluation more, and does the same."""
    given_it, asking = Stack(), Stack()
    rows = [{"line_search": "strong_wolfe"}] * RUNS
    given_it.step(build("lbfgs", given_it.theta, rows))
    build("lbfgs", asking.theta, rows).step(asking.theta, asking.gradient, asking.again)
    assert torch.equal(asking.theta, given_it.theta)
    assert asking.evaluations == given_it.evaluations


def test_one_evaluation_serves_all_runs() -> None:
    """The stack is evaluated as often as its longest search needs, not once for each run."""
    stack = Stack()
    optimizer: Any = build("lbfgs", stack.theta, [{"line_search": "strong_wolfe"}] * RUNS)
    stack.step(optimizer)
    assert stack.evaluations == max(history.evaluations for history in optimizer.histories)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_diverging_run_raises_nothing(dtype: torch.dtype, bad: float) -> None:
    """A run whose loss is NaN or infinite, or whose rate is 0, ends; its neighbour goes on.

    torch itself raises on a rate of 0, and where a factor leaves the range of float32.
    """
    healthy, sick = Stack(dtype=dtype), Stack(dtype=dtype)
    rows = [{"lr": 1.0, "line_search": "strong_wolfe", "max_eval": 100}] * RUNS
    still = [rows[0], rows[1], {**rows[2], "lr": 0.0}]
    expected: Any = build("lbfgs", healthy.theta, rows)
    optimizer: Any = build("lbfgs", sick.theta, still)
    sick.theta[1] = bad
    for _ in range(3):
        healthy.step(expected)
        sick.step(optimizer)
    assert torch.equal(sick.theta[0], healthy.theta[0])
    assert torch.equal(sick.theta[2], Stack(dtype=dtype).theta[2])


def test_huge_factors_raise_nothing_in_float32() -> None:
    """On a loss without a floor the search runs away: to infinity, not into an exception."""
    theta = torch.ones(2, 3)
    gradient = -torch.ones(2, 3)

    def again() -> Tensor:
        gradient.fill_(-1)
        return -theta.sum(1)

    row = {"line_search": "strong_wolfe", "max_eval": 100, "lr": 1e20}
    optimizer = build("lbfgs", theta, [row, row])
    for _ in range(3):
        optimizer.step(theta, gradient, again)
    assert not theta.isfinite().all()


def test_without_again_the_mistake_is_named() -> None:
    """LBFGS cannot work with one gradient only, and says so."""
    with pytest.raises(TypeError, match="again"):
        build("lbfgs", torch.zeros(1, 2), [{}]).step(torch.zeros(1, 2), torch.zeros(1, 2))


def test_the_two_loops_give_the_inverse_hessian_of_a_quadratic() -> None:
    """After as many conjugate moves as parameters, -H·g is Newton's step: closed form."""
    hessian = torch.tensor([[3.0, 1.0], [1.0, 2.0]], dtype=torch.float64)
    history = History.empty(torch.zeros(2, dtype=torch.float64), 10)
    gradient = torch.zeros(2, dtype=torch.float64)
    # two moves that are conjugate: d₀ᵀ A d₁ = 0
    for move in ([1.0, 0.0], [1.0, -3.0]):
        history.direction, history.t = torch.tensor(move, dtype=torch.float64), 1.0
        history.gradient = gradient
        gradient = gradient + hessian @ history.direction
        history.learn(gradient)
    newton = -torch.linalg.solve(hessian, gradient)
    torch.testing.assert_close(history.newton_direction(gradient), newton, rtol=1e-12, atol=1e-12)


@given(st.floats(-3, 3), st.floats(0.01, 5), st.floats(0.01, 20))
def test_the_search_ends_at_a_wolfe_point(origin: float, curvature: float, t: float) -> None:
    """On a parabola with a ripple, both Wolfe conditions hold where the search ends."""

    def at(x: Tensor) -> tuple[float, Tensor]:
        value = curvature * (x - 4) ** 2 / 2 + torch.sin(x)
        return float(value), curvature * (x - 4) + torch.cos(x)

    x = torch.tensor([origin], dtype=torch.float64)
    loss, gradient = at(x)
    if gradient.abs() < 1e-3:
        return
    direction = -gradient
    start = Point(0.0, loss, gradient, -float(gradient.square()))
    search = strong_wolfe(x, direction, start, t, 1e-12, 100)
    trial = next(search)
    while True:
        try:
            trial = search.send(at(trial))
        except StopIteration as end:
            point, evaluations = end.value
            break
    assert point.loss <= start.loss + 1e-4 * point.t * start.slope + 1e-12
    assert abs(point.slope) <= -0.9 * start.slope + 1e-12
    assert 1 <= evaluations <= 101
