"""Runs of one stack do not touch each other; they can leave it, be saved, and go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import descend.optimizers.rule as rule_module
from descend.errors import RunError
from descend.optimizers.build import build
from tests.optimizers.oracle import DENSE, RUNS, gradient_at, noise, settings_of_runs, start

ALL = (*DENSE, "fused adam", "sparse_adam", "lbfgs", "lbfgs strong_wolfe")


def name_of(which: str) -> str:
    """The optimizer's name, without the variant."""
    return {"fused adam": "adam", "lbfgs strong_wolfe": "lbfgs"}.get(which, which)


def rows_of(which: str, runs: int = RUNS) -> list[dict[str, Any]]:
    """Settings that differ between the runs, so that a mix-up of rows would show."""
    name, rows = name_of(which), []
    for run in range(runs):
        row: dict[str, Any] = {"lr": 0.02 * (run + 1)}
        if name in ("sgd", "rmsprop"):
            row["momentum"] = 0.3 * (run % 2)
        if "adam" in name:
            row["betas"] = (0.7 + 0.05 * run, 0.99)
        if name == "asgd":
            row["t0"] = 5.0 + run
        if name == "lbfgs":
            row["max_iter"] = 3
            row["line_search"] = "strong_wolfe" if "wolfe" in which else None
        rows.append(row)
    return rows


def made(which: str, theta: Tensor, rows: list[dict[str, Any]] | None = None) -> Any:
    """An optimizer for the stack; "fused adam" takes the path of large networks."""
    rows = rows_of(which, theta.shape[0]) if rows is None else rows
    optimizer: Any = build(name_of(which), theta, rows, sparse_rows=(2, 3))
    if which == "fused adam":
        optimizer.fused = True
    return optimizer


class Problem:
    """|θ|²/20 + noise·θ with the noise of the present step: loss and gradient for a stack."""

    def __init__(self, noises: Tensor) -> None:
        self.theta = start(*noises.shape[1:])
        self.gradient = torch.zeros_like(self.theta)
        self.noises = noises

    def again(self) -> Tensor:
        self.gradient.copy_(gradient_at(self.theta, self.noise))
        return (self.noise * self.theta).sum(1) + self.theta.square().sum(1) / 20

    def advance(self, optimizer: Any, steps: range) -> None:
        for step in steps:
            self.noise = self.noises[step]
            loss = self.again()
            optimizer.step(self.theta, self.gradient, self.again, loss)

    def keep(self, rows: Tensor) -> None:
        self.theta, self.gradient = self.theta[rows], self.gradient[rows]
        self.noises = self.noises[:, rows]


@pytest.mark.parametrize("which", ALL)
def test_a_loaded_state_continues_bit_for_bit(which: str) -> None:
    """20 steps equal 9 steps, a state that is written and read, and 11 steps of a new optimizer."""
    whole = Problem(noise(20))
    whole.advance(made(which, whole.theta), range(20))

    broken = Problem(noise(20))
    first = made(which, broken.theta)
    broken.advance(first, range(9))
    saved = safetensors.torch.load(safetensors.torch.save(first.state()))
    broken.advance(first, range(9, 12))
    resumed = Problem(noise(20))
    resumed.advance(made(which, resumed.theta), range(9))
    second = made(which, resumed.theta)
    second.load_state(saved)
    resumed.advance(second, range(9, 20))
    assert torch.equal(resumed.theta, whole.theta)
    assert all(torch.equal(saved[name], tensor) for name, tensor in saved.items())


@pytest.mark.parametrize("which", ALL)
def test_the_runs_that_stay_do_not_notice_that_others_leave(which: str) -> None:
    """After `keep` the remaining runs' state is the same bits, and they go the same way."""
    whole, some = Problem(noise(20)), Problem(noise(20))
    unbroken, optimizer = made(which, whole.theta), made(which, some.theta)
    whole.advance(unbroken, range(9))
    some.advance(optimizer, range(9))
    rows = torch.tensor([0, 2, 3])
    optimizer.keep(rows)
    some.keep(rows)
    for name, tensor in unbroken.state().items():
        assert torch.equal(optimizer.state()[name], tensor[rows] if tensor.ndim else tensor)
    assert torch.equal(optimizer.lr, unbroken.lr[rows])
    whole.advance(unbroken, range(9, 20))
    some.advance(optimizer, range(9, 20))
    assert torch.equal(some.theta, whole.theta[rows])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("which", ALL)
def test_a_step_in_parts_is_the_same_step(
    which: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bit for bit, theta and state; the parts cover all columns once, most rules have eight."""
    monkeypatch.setattr(rule_module, "PART", 1)
    whole, parted = (Problem(noise(6, parameters=1003).to(dtype)) for _ in range(2))
    for problem in (whole, parted):
        problem.theta, problem.gradient = problem.theta.to(dtype), problem.gradient.to(dtype)
    one, other = made(which, whole.theta), made(which, parted.theta)
    for step in range(6):
        if "lbfgs" in which:  # it asks for more than a gradient, and never comes in parts
            assert not one.is_elementwise
            return
        whole.advance(one, range(step, step + 1))
        parted.noise = parted.noises[step]
        parted.again()
        columns = []
        for part in other.parts(parted.theta, parted.gradient):
            columns += range(1003)[part.columns]
            part.move()
        assert columns == list(range(1003))
        assert torch.equal(parted.theta, whole.theta)
    found, expected = other.state(), one.state()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    count = len(list(other.parts(parted.theta, parted.gradient)))
    assert count == (1 if which == "sparse_adam" else 8)


@pytest.mark.parametrize("which", ALL)
def test_a_diverged_run_leaves_its_neighbours_untouched(which: str) -> None:
    """Neighbours of a run with NaN gradients, from step 5 on, are bit for bit as without it."""
    healthy, sick = Problem(noise(15)), Problem(noise(15))
    sick.noises[5:, 1] = torch.nan
    healthy.advance(made(which, healthy.theta), range(15))
    sick.advance(made(which, sick.theta), range(15))
    others = torch.tensor([0, 2, 3])
    assert torch.equal(sick.theta[others], healthy.theta[others])


@pytest.mark.parametrize("which", ALL)
def test_a_run_alone_equals_the_same_run_among_others(which: str) -> None:
    """A stack of one gives what the run gets among four, to rounding in float64."""
    whole, alone = Problem(noise(20)), Problem(noise(20)[:, 2:3])
    alone.theta.copy_(whole.theta[2:3])
    optimizer = made(which, whole.theta)
    single = made(which, alone.theta, rows_of(which)[2:3])
    whole.advance(optimizer, range(20))
    alone.advance(single, range(20))
    torch.testing.assert_close(alone.theta[0], whole.theta[2], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", DENSE)
@settings(max_examples=5)
@given(data=st.data())
def test_the_order_of_the_runs_changes_nothing(name: str, data: st.DataObject) -> None:
    """Runs that are stacked in another order end at the same bits."""
    rows = data.draw(settings_of_runs(name))
    order = torch.tensor(data.draw(st.permutations(range(RUNS))))
    one, other = Problem(noise(30)), Problem(noise(30))
    other.keep(order)
    one.advance(build(name, one.theta, rows), range(30))
    shuffled = [rows[row] for row in order.tolist()]
    other.advance(build(name, other.theta, shuffled), range(30))
    assert torch.equal(other.theta, one.theta[order])


@pytest.mark.parametrize("which", ALL)
def test_a_state_of_another_network_is_refused(which: str) -> None:
    """A checkpoint that does not fit is one sentence, not a shape error from torch."""
    theta = start()
    for other in (start(parameters=8), start(runs=3)):
        with pytest.raises(RunError, match="expected shape"):
            made(which, theta).load_state(made(which, other).state())
    with pytest.raises(RunError, match="nothing"):
        made(which, theta).load_state({})


def _operations(which: str, steps: int = 3) -> list[str]:
    """The tensor operations of one step, after a few others."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Recorder(TorchDispatchMode):
        def __torch_dispatch__(
            self, func: Any, types: Any, args: Any = (), kwargs: Any = None
        ) -> Any:
            seen.append(str(func))
            return func(*args, **(kwargs or {}))

    seen: list[str] = []
    theta = start()
    rows = [{"lr": 0.1}] * RUNS
    optimizer = made(which, theta, rows)
    for drawn in noise(steps):
        optimizer.step(theta, drawn)
    gradient = noise(1)[0]
    with Recorder():
        optimizer.step(theta, gradient)
    return seen


@pytest.mark.parametrize(
    ("which", "most"),
    [
        ("sgd", 1),
        ("adam", 8),
        ("adamw", 9),
        ("adamax", 8),
        ("adagrad", 5),
        ("adadelta", 11),
        ("rmsprop", 6),
        ("rprop", 11),
        ("asgd", 11),
    ],
)
def test_a_step_is_few_operations(which: str, most: int) -> None:
    """Without weight decay or momentum a step does not pay for them: an operation is 1 µs."""
    assert len(_operations(which)) <= most, _operations(which)


@pytest.mark.parametrize("which", [*DENSE, "fused adam"])
def test_a_step_allocates_nothing_of_the_size_of_the_parameters(which: str) -> None:
    """Beyond its state a step needs no memory: the gradient buffer is its scratch."""
    theta = torch.rand(2, 5000)
    optimizer = made(which, theta)
    gradient = torch.rand_like(theta)
    for _ in range(2):
        optimizer.step(theta, gradient.clone())
    allocated = _largest_allocation(lambda: optimizer.step(theta, gradient))
    assert allocated < theta.numel() * theta.element_size() / 10


def _largest_allocation(work: Callable[[], None]) -> int:
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    return max((event.cpu_memory_usage for event in profiler.events()), default=0)


@pytest.mark.parametrize("which", [*DENSE, "fused adam"])
def test_the_memory_goal_is_kept(which: str) -> None:
    """Parameters, gradient, state and scratch are at most 5 times the parameters; Adam's are 4."""
    theta = torch.rand(2, 9000)
    optimizer = made(which, theta)
    held = {
        id(value): value.numel() * value.element_size()
        for value in vars(optimizer).values()
        if isinstance(value, Tensor)
    }
    parameters = theta.numel() * theta.element_size()
    most = 4 if "adam" in which and which != "adamax" else 5
    assert 2 + sum(held.values()) / parameters < most + 0.01
