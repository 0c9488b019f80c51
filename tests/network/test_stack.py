"""The runs of a stack do not see each other, whatever their number, order and health."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor

from descend.errors import NetworkError
from descend.network.architecture import Architecture, parameters_of
from descend.network.losses import LOSSES, MSE, Objective
from descend.network.passes import EvaluationPass, TrainingPass
from descend.network.stack import Stack
from tests.network.reference import BATCH_NORM, Case, block, cases, size_of, stack_of

# A run's numbers lie at another place in memory than alone, where torch's kernels may round the
# last bit differently; a few steps of training multiply that by the slopes of exp and batch norm.
ROUNDING = 1e-12


def trained(case: Case, stack: Stack, rows: list[int], steps: int = 5) -> Tensor:
    """The losses (steps, runs) of gradient descent on the data of these rows of the case."""
    x, y, weight = case.data()
    own = (x[rows], y[rows], None if weight is None else weight[rows])
    training = TrainingPass(stack, case.objective(), case.batch)
    losses = []
    for step in range(steps):
        losses.append(training.forward(*own, step))
        training.backward()
        norms = stack.gradient.norm(dim=1, keepdim=True).clamp_min(1)
        stack.theta.sub_(0.01 * stack.gradient / norms)
    return torch.stack(losses)


def check_equal(one: Tensor, other: Tensor) -> None:
    near = ROUNDING * size_of(other)
    # e to the e to the ten overflows, and has to do so here and there
    torch.testing.assert_close(one, other, rtol=ROUNDING, atol=near, equal_nan=True)


@given(cases(min_runs=2, min_batch=2), st.data())
def test_a_run_trains_as_it_does_alone(case: Case, data: st.DataObject) -> None:
    """Losses, weights and running statistics after 5 steps are those of a stack of its own."""
    runs = len(case.architectures)
    run = data.draw(st.integers(0, runs - 1))
    together = case.stack()
    losses = trained(case, together, list(range(runs)))
    alone = stack_of([case.architectures[run]], [case.seed + run])
    own_losses = trained(case, alone, [run])
    check_equal(losses[:, run], own_losses[:, 0])
    check_equal(together.theta[run], alone.theta[0])
    check_equal(together.statistics[run], alone.statistics[0])


@given(cases(min_runs=2, min_batch=2), st.permutations(range(4)))
def test_permuted_runs_have_permuted_results(case: Case, places: list[int]) -> None:
    """The order of a stack's runs changes nothing in any of them."""
    order = [place for place in places if place < len(case.architectures)]
    sorted_stack = case.stack()
    losses = trained(case, sorted_stack, sorted(order))
    shuffled = stack_of(
        [case.architectures[run] for run in order], [case.seed + run for run in order]
    )
    own_losses = trained(case, shuffled, order)
    check_equal(own_losses, losses[:, order])
    check_equal(shuffled.theta, sorted_stack.theta[order])
    check_equal(shuffled.statistics, sorted_stack.statistics[order])


@pytest.mark.parametrize("activation", ["relu", "tanh", "leaky_relu", "gelu", "exp", "identity"])
@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_a_run_is_bit_for_bit_the_same_alone(activation: str, batch_norm: str | bool) -> None:
    """Where torch's kernels round every place alike: float32 gradients of 16 runs and of one."""
    blocks = (block(20, 33, activation, batch_norm, 0.3), block(33, 3))
    generator = Generator().manual_seed(1)
    x, y = (torch.randn(16, 32, units, generator=generator) for units in (20, 3))
    together = stack_of([blocks] * 16, dtype=torch.float32)
    training = TrainingPass(together, Objective(MSE()), 32)
    losses = training.forward(x, y, None, 4)
    training.backward()
    for run in (0, 7, 15):
        alone = stack_of([blocks], [run], dtype=torch.float32)
        own = TrainingPass(alone, Objective(MSE()), 32)
        assert torch.equal(own.forward(x[run : run + 1], y[run : run + 1], None, 4)[0], losses[run])
        own.backward()
        assert torch.equal(alone.gradient[0], together.gradient[run])
        assert torch.equal(alone.statistics[0], together.statistics[run])


@given(cases(min_runs=3, max_runs=3), st.sampled_from([torch.nan, torch.inf, -torch.inf, 1e300]))
def test_a_sick_run_leaves_its_neighbours_bit_identical(case: Case, poison: float) -> None:
    """Losses, gradients and running statistics beside a run whose weights are NaN or infinite."""
    found = []
    for is_sick in (False, True):
        stack = case.stack()
        if is_sick:
            stack.theta[1] = poison
        x, y, weight = case.data()
        training = TrainingPass(stack, case.objective(), case.batch)
        loss = training.forward(x, y, weight, 0)
        training.backward()
        outputs = EvaluationPass(stack, case.batch).forward(x)
        found.append((loss, stack.gradient, stack.statistics, outputs))
    for healthy, sick in zip(*found, strict=True):
        assert torch.equal(healthy[::2], sick[::2])


@given(cases(min_runs=2, min_batch=2), st.data())
def test_kept_runs_go_on_as_if_nothing_had_happened(case: Case, data: st.DataObject) -> None:
    """After `keep` a stack holds these runs alone, and new passes train them on."""
    runs = len(case.architectures)
    rows = data.draw(st.lists(st.integers(0, runs - 1), min_size=1, max_size=runs, unique=True))
    whole, kept = case.stack(), case.stack()
    trained(case, whole, list(range(runs)))
    trained(case, kept, list(range(runs)))
    kept.keep(torch.tensor(rows))
    assert kept.runs == len(rows)
    assert kept.architectures == tuple(case.architectures[row] for row in rows)
    assert torch.equal(kept.theta, whole.theta[rows])
    assert torch.equal(kept.statistics, whole.statistics[rows])
    assert torch.equal(kept.seeds, whole.seeds[rows])
    assert kept.theta.is_contiguous()
    losses = trained(case, whole, list(range(runs)))
    check_equal(trained(case, kept, rows), losses[:, rows])
    check_equal(kept.theta, whole.theta[rows])


@given(cases(min_batch=3), st.data())
def test_a_partial_batch_has_a_pass_of_its_own(case: Case, data: st.DataObject) -> None:
    """Between full batches it gives what it gives alone, for the same examples and statistics."""
    part = data.draw(st.integers(1, case.batch - 1))
    stack = case.stack()
    x, y, weight = case.data()
    full = TrainingPass(stack, case.objective(), case.batch)
    partial = TrainingPass(stack, case.objective(), part)
    own = (x[:, :part], y[:, :part], None if weight is None else weight[:, :part])
    full.forward(x, y, weight, 0)
    full.backward()
    statistics = stack.statistics.clone()
    loss = partial.forward(*own, 1)
    partial.backward()
    found = loss.clone(), stack.gradient.clone(), stack.statistics.clone()
    full.forward(x, y, weight, 2)
    full.backward()
    other = case.stack()
    other.statistics.copy_(statistics)
    alone = TrainingPass(other, case.objective(), part)
    alone_loss = alone.forward(*own, 1)
    alone.backward()
    for one, same in zip(found, (alone_loss, other.gradient, other.statistics), strict=True):
        assert torch.equal(one, same)


@given(cases(min_batch=2))
def test_the_same_step_again_gives_the_same_gradient(case: Case) -> None:
    """A pass carries nothing over: LBFGS may call it many times at one step, masks and all."""
    stack = case.stack()
    x, y, weight = case.data()
    training = TrainingPass(stack, case.objective(), case.batch)
    found = []
    for step in (0, 3, 0):
        loss = training.forward(x, y, weight, step)
        training.backward()
        found.append((loss, stack.gradient.clone()))
    assert torch.equal(found[0][0], found[2][0])
    assert torch.equal(found[0][1], found[2][1])


def test_penalties_are_those_of_each_run() -> None:
    """`penalty` is l1 Σ|w| + l2 Σw² of the run's own l1 and l2, and `backward` adds its slope."""
    shapes = [(0.0, 0.0), (0.1, 0.0), (0.0, 0.2), (0.3, 0.4)]
    stack = stack_of([(block(3, 4, "tanh", l1=l1, l2=l2), block(4, 2)) for l1, l2 in shapes])
    x = torch.zeros(4, 5, 3, dtype=torch.float64)
    training = TrainingPass(stack, Objective(MSE()), 5)
    training.forward(x, training_targets(stack, x), None, 0)
    training.backward()
    w = stack.views[0].w
    l1, l2 = torch.tensor(shapes, dtype=torch.float64).T
    expected = l1 * w.abs().sum((1, 2)) + l2 * w.square().sum((1, 2))
    torch.testing.assert_close(training.penalty(), expected, rtol=1e-12, atol=0)
    slope = l1.view(-1, 1, 1) * w.sign() + 2 * l2.view(-1, 1, 1) * w
    torch.testing.assert_close(stack.slopes[0].w, slope, rtol=1e-12, atol=0)


def training_targets(stack: Stack, x: Tensor) -> Tensor:
    """Targets that the outputs meet exactly, so that the loss has no slope."""
    return EvaluationPass(stack, x.shape[1]).forward(x).clone()


def test_parameters_lie_in_the_promised_order() -> None:
    """theta: each layer's w row by row, b, γ, β; statistics: running means, then variances."""
    blocks = (block(2, 3, "relu", "before"), block(3, 1))
    stack = Stack([blocks] * 2, [0, 1])
    assert stack.theta.shape == stack.gradient.shape == (2, parameters_of(blocks)) == (2, 19)
    stack.theta.copy_(torch.arange(38).view(2, 19))
    first, last = stack.views
    assert first.w[1].tolist() == [[19, 20, 21], [22, 23, 24]]
    assert first.b[1].tolist() == [[25, 26, 27]]
    assert first.scale is not None
    assert first.scale[1].tolist() == [[28, 29, 30]]
    assert first.shift is not None
    assert first.shift[1].tolist() == [[31, 32, 33]]
    assert last.w[1].tolist() == [[34], [35], [36]]
    assert last.b[1].tolist() == [[37]]
    assert last.scale is None
    running = stack.running[0]
    assert running is not None
    assert stack.running[1] is None
    stack.statistics.copy_(torch.arange(12).view(2, 6))
    assert [part[1].tolist() for part in running] == [[[6, 7, 8]], [[9, 10, 11]]]


def test_a_new_stack_normalises_as_torch_does() -> None:
    """γ = 1, β = 0, running mean 0 and running variance 1."""
    stack = Stack([(block(2, 3, "relu", "before"), block(3, 1))], [0])
    views, running = stack.views[0], stack.running[0]
    assert running is not None
    assert views.scale is not None
    assert views.shift is not None
    parts = (views.scale, views.shift, *running)
    assert [torch.unique(part).tolist() for part in parts] == [[1], [0], [0], [1]]


def test_weights_are_drawn_from_each_runs_own_generator() -> None:
    """As constructing torch's layers after `manual_seed` would, whatever the other runs draw."""
    blocks = (block(4, 3, "relu"), block(3, 2))
    stack = Stack([blocks] * 3, [5, 6, 7])
    stack.initialise([Generator().manual_seed(seed) for seed in (5, 6, 7)])
    for run, seed in enumerate((5, 6, 7)):
        torch.manual_seed(seed)
        for views, (fan_in, fan_out) in zip(stack.views, ((4, 3), (3, 2)), strict=True):
            linear = torch.nn.Linear(fan_in, fan_out)
            assert torch.equal(views.w[run], linear.weight.detach().T)
            assert torch.equal(views.b[run, 0], linear.bias.detach())


@pytest.mark.parametrize(
    ("architectures", "seeds", "said"),
    [
        ([], [], "0 shapes, 0 seeds for 0 runs"),
        ([(block(2, 1),), (block(3, 1),)], [0, 1], "2 shapes, 2 seeds for 2 runs"),
        ([(block(2, 1),), (block(2, 1, "relu"),)], [0, 1], "2 shapes"),
        ([(block(2, 1),)], [0, 1], "1 shapes, 2 seeds for 1 runs"),
    ],
)
def test_runs_of_different_shapes_are_no_stack(
    architectures: list[Architecture], seeds: list[int], said: str
) -> None:
    """The error counts shapes, seeds and runs."""
    with pytest.raises(NetworkError, match=said):
        Stack(architectures, seeds)


def tensors_of(thing: object, seen: set[int]) -> list[Tensor]:
    """Every tensor that can be reached from a layer or a pass."""
    if id(thing) in seen:
        return []
    seen.add(id(thing))
    if isinstance(thing, Tensor):
        return [thing]
    parts: list[object] = []
    if isinstance(thing, list | tuple):
        parts = list(thing)
    elif type(thing).__module__.startswith("descend."):
        parts = list(vars(thing).values())
    return [tensor for part in parts for tensor in tensors_of(part, seen)]


@pytest.mark.parametrize("batch_norm", BATCH_NORM)
def test_a_pass_holds_activations_and_no_second_copy_of_the_weights(
    batch_norm: str | bool,
) -> None:
    """Its buffers are at most 7 numbers for each unit and example, with batch norm and dropout."""
    widths, batch = (500, 400, 300), 8
    blocks = (
        block(widths[0], widths[1], "gelu", batch_norm, 0.5, 0.1, 0.1),
        block(widths[1], widths[2], "softmax"),
    )
    stack = stack_of([blocks] * 2, dtype=torch.float32)
    training = TrainingPass(stack, Objective(LOSSES["cross_entropy", "probabilities"]()), batch)
    x = torch.randn(2, batch, 500)
    y = torch.randint(300, (2, batch))
    training.forward(x, y, None, 0)
    training.backward()
    lent = {tensor.untyped_storage().data_ptr() for tensor in (stack.theta, stack.gradient, x)}
    own = {
        tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes()
        for tensor in tensors_of(training, set())
    }
    held = sum(size for place, size in own.items() if place not in lent)
    units = 2 * batch * (widths[1] + widths[2])
    assert held < 7 * 4 * units
    assert held < stack.theta.numel() * 4


def test_the_numbers_of_each_run_are_taken_by_layer() -> None:
    """`per_run` gives dropout, l1 and l2 of a layer for all runs, ready to multiply activations."""
    stack = Stack([(block(2, 1, dropout=rate),) for rate in (0.0, 0.25)], [0, 1])
    assert stack.per_run(0, "dropout").tolist() == [[[0.0]], [[0.25]]]
    assert stack.row(1) == 1
