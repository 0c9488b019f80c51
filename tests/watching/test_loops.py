"""What a loop does wrong is seen in the wrong loop, and not in the right one."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.findings.loop import Loop
from tests.watching.scenes import SCENES, Convolutional, Functional, batch, images

STEPS = 10


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 3)
    )


def seen_in(
    model: nn.Module, step: Callable[[int], None], steps: int = STEPS, **options: Any
) -> Loop:
    """What was seen of a loop, each of its steps sampled."""
    watch = descend.watch(model, **{"every": 1, "out": None, "quiet": True, **options})
    with watch:
        for number in range(steps):
            step(number)
    assert watch.failure is None
    return watch.record().loop


def loop_of(order: str, model: nn.Module | None = None, **options: Any) -> Loop:
    """A loop that does these things in this order: zero, pass, back, step."""
    model = network() if model is None else model
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    loss = torch.zeros(())

    def forward() -> None:
        nonlocal loss
        loss = functional.cross_entropy(model(x), y)

    doing: dict[str, Callable[[], object]] = {
        "zero": optimizer.zero_grad,
        "zeros": lambda: optimizer.zero_grad(set_to_none=False),
        "pass": forward,
        "back": lambda: loss.backward(),
        "step": optimizer.step,
    }

    def step(number: int) -> None:
        nonlocal x, y
        x, y = batch(number)
        for name in order.split():
            doing[name]()

    x, y = batch(0)
    return seen_in(model, step, **options)


ORDERS = [
    "zero pass back step",
    "zeros pass back step",
    "pass zero back step",
    "pass back step zero",
    "zero pass back pass back step",
]


@pytest.mark.parametrize("order", ORDERS)
def test_a_right_order_is_nothing_to_speak_of(order: str) -> None:
    loop = loop_of(order)
    assert (loop.stale, loop.early, loop.empty, loop.upwards) == (0, 0, 0, 0)
    assert loop.steps == STEPS
    assert loop.passes == loop.backwards == order.count("back") * STEPS
    assert loop.kept_graphs is not None
    assert loop.kept_graphs[0] == 0


def test_a_gradient_that_is_never_set_to_zero_is_stale() -> None:
    loop = loop_of("pass back step")
    assert loop.stale == 1
    assert loop.stale_size is not None
    assert loop.stale_size > 1
    assert loop_of("zero pass back step pass back step").stale == pytest.approx(0.5, abs=0.05)


def test_the_size_of_what_was_left_is_in_units_of_what_was_added() -> None:
    """On one batch, at rate 0, each pass adds the same gradient: n of it are there at step n."""
    model = nn.Linear(12, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    x, y = batch(0)

    def step(number: int) -> None:
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    assert seen_in(model, step).stale_size == pytest.approx(STEPS - 1, rel=1e-5)


def test_a_step_before_its_backward_pass_is_early() -> None:
    assert loop_of("zero pass step back").early == 1
    assert loop_of("pass step back zero").early == 1
    assert loop_of("zero pass step back").empty == 1


def test_a_gradient_that_is_gone_before_the_step_is_empty() -> None:
    assert loop_of("pass back zero step").empty == 1
    assert loop_of("pass back zeros step").empty == 1


def test_a_loop_without_backward_passes_or_steps_says_so() -> None:
    loop = loop_of("zero pass step")
    assert (loop.passes, loop.backwards, loop.steps) == (STEPS, 0, STEPS)
    loop = loop_of("pass")
    assert (loop.passes, loop.backwards, loop.steps) == (STEPS, 0, 0)
    loop = loop_of("zero pass back")
    assert (loop.passes, loop.backwards, loop.steps) == (STEPS, STEPS, 0)


@pytest.mark.parametrize("every", [3, 4])
def test_counts_are_those_of_all_steps_however_few_are_sampled(every: int) -> None:
    loop = loop_of("pass zero back step", every=every)
    assert (loop.passes, loop.backwards, loop.steps) == (STEPS, STEPS, STEPS)
    assert loop_of("zero pass step back", every=every).early == 1
    assert loop_of("pass back step", every=every).stale == 1


def test_parameters_outside_the_optimizer_are_named() -> None:
    model = network()
    optimizer = torch.optim.SGD(model[:4].parameters(), lr=0.05)

    def step(number: int) -> None:
        x, y = batch(number)
        model.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    for given in (optimizer, None):
        loop = seen_in(model, step, optimizer=given)
        assert loop.outside == ["4.weight", "4.bias"]
        assert (loop.optimizers, loop.unreached, loop.frozen) == (1, [], [])


def test_frozen_parameters_are_named_and_not_outside() -> None:
    model = network()
    model[0].requires_grad_(False)
    loop = loop_of("zero pass back step", model)
    assert loop.frozen == ["0.weight", "0.bias"]
    assert (loop.outside, loop.unreached, loop.unused) == ([], [], [])


class Cut(nn.Module):
    """The graph ends behind the first layer; one layer is never called."""

    def __init__(self, *, is_cut: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(12, 16), nn.Linear(16, 3)
        self.spare = nn.Linear(2, 2)
        self.is_cut = is_cut

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        y: Tensor = self.last(x.detach() if self.is_cut else x)
        return y


def test_what_lies_below_a_cut_is_unreached_and_what_is_never_called_is_unused() -> None:
    loop = loop_of("zero pass back step", Cut(is_cut=True))
    assert loop.unreached == ["first.weight", "first.bias"]
    assert loop.unused == ["spare"]
    assert loop_of("zero pass back step", Cut(is_cut=False)).unreached == []
    assert loop_of("zero pass back step").unused == []


@pytest.mark.parametrize("name", [one for one in SCENES if one not in ("by_hand",)])
def test_a_healthy_loop_of_any_kind_is_seen_to_be_one(name: str) -> None:
    scene = SCENES[name]()
    watch = descend.watch(scene.model, every=1, out=None, quiet=True)
    with watch:
        scene.run(15)
    loop = watch.record().loop
    assert not any((loop.stale, loop.early, loop.empty))
    assert (loop.upwards or 0) < 0.5
    assert (loop.renewed or 0) < 0.1
    assert not any((loop.outside, loop.frozen, loop.unreached, loop.unused))
    assert not any((*loop.in_eval.values(), *loop.in_train.values()))
    assert loop.kept_graphs is None or loop.kept_graphs[0] == 0
    assert loop.target_shape is None
    assert watch.findings == ()


def test_a_loop_that_moves_weights_by_hand_is_measured() -> None:
    scene = SCENES["by_hand"]()
    watch = descend.watch(scene.model, every=1, out=None, quiet=True)
    with watch:
        scene.run(8)
    record = watch.record()
    assert list(record.steps) == list(range(8))
    assert (record.quantities["update_ratio"] > 0).all()
    assert (record.loop.steps, record.loop.upwards, record.loop.stale) == (0, 0, 0)


SIGNS: dict[str, tuple[Callable[[Tensor], Tensor], dict[str, Any], float]] = {
    "right": (lambda loss: loss, {}, 0),
    "negated loss": (lambda loss: -loss, {}, 1),
    "negated and scaled": (lambda loss: -8 * loss, {}, 1),
    "a reward in front": (lambda loss: -(loss / 4), {"momentum": 0.9}, 1),
    "maximised": (lambda loss: loss, {"maximize": True}, 1),
    "negated twice": (lambda loss: -loss, {"maximize": True}, 0),
    "with a penalty": (lambda loss: loss + 0.1, {}, 0),
}


@pytest.mark.parametrize("name", SIGNS)
@pytest.mark.parametrize("given", [True, False])
def test_steps_upwards_are_told_by_the_loss_that_they_raise(name: str, given: bool) -> None:
    sign, options, upwards = SIGNS[name]
    model, criterion = network(), nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, **options)

    def step(number: int) -> None:
        x, y = batch(number)
        optimizer.zero_grad()
        sign(criterion(model(x), y)).backward()
        optimizer.step()

    loop = seen_in(model, step, loss=criterion if given else None)
    assert loop.upwards == pytest.approx(upwards, abs=0.01)


def test_a_loss_that_is_a_negated_logarithm_is_no_negated_loss() -> None:
    """Written out, cross-entropy begins with a minus."""
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step(number: int) -> None:
        x, y = batch(number)
        optimizer.zero_grad()
        p = torch.softmax(model(x), dim=1)
        (-torch.log(p[torch.arange(len(y)), y]).mean()).backward()
        optimizer.step()

    assert seen_in(model, step).upwards == 0


def test_the_mode_of_modules_is_seen_in_training_and_in_evaluation() -> None:
    def loop(trains: bool, evaluates: bool) -> Loop:
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

        def step(number: int) -> None:
            x, y = batch(number)
            model.train(trains)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            model.train(not evaluates)
            with torch.inference_mode():
                model(x)

        return seen_in(model, step)

    moded = {"1": "batch norm", "3": "dropout"}
    right = loop(trains=True, evaluates=True)
    assert (right.moded, right.in_eval, right.in_train) == (moded, {}, {})
    wrong = loop(trains=False, evaluates=False)
    assert wrong.in_eval == wrong.in_train == {"1": 1.0, "3": 1.0}


def test_an_optimizer_that_is_made_anew_is_told_from_one_that_stays() -> None:
    def loop(renews: bool, others: int = 1) -> Loop:
        model = network()
        made = [torch.optim.SGD(model.parameters(), lr=0.05) for _ in range(others)]

        def step(number: int) -> None:
            x, y = batch(number)
            if renews:
                made[:] = [torch.optim.SGD(model.parameters(), lr=0.05)]
            model.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            made[number % len(made)].step()

        return seen_in(model, step, steps=30)

    assert loop(renews=True).renewed == 1
    assert loop(renews=False).renewed == 0
    assert loop(renews=False, others=3).renewed == pytest.approx(2 / 29)


@pytest.mark.parametrize("every", [1, 4])
def test_a_graph_that_the_loop_keeps_is_told_from_one_that_ends(every: int) -> None:
    def loop(keeps: bool) -> Loop:
        model, kept = network(), []
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

        def step(number: int) -> None:
            x, y = batch(number)
            optimizer.zero_grad()
            loss = functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            kept.append(loss if keeps else loss.item())

        return seen_in(model, step, steps=20, every=every)

    alive, of = loop(keeps=True).kept_graphs or (0, 0)
    assert alive == of > 0
    alive, of = loop(keeps=False).kept_graphs or (1, 0)
    assert (alive, of > 0) == (0, True)


def test_targets_that_are_broadcast_are_seen_with_their_shapes() -> None:
    def loop(target: Callable[[Tensor], Tensor], *, given: bool) -> Loop:
        torch.manual_seed(0)
        model, criterion = nn.Linear(12, 1), nn.MSELoss()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

        def step(number: int) -> None:
            x, _ = batch(number)
            optimizer.zero_grad()
            criterion(model(x), target(x.sum(dim=1))).backward()
            optimizer.step()

        return seen_in(model, step, steps=3, loss=criterion if given else None)

    for given in (True, False):
        with pytest.warns(UserWarning, match="broadcast"):
            wrong = loop(lambda y: y, given=given)
        assert (wrong.output_shape, wrong.target_shape) == ((16, 1), (16,))
        right = loop(lambda y: y.unsqueeze(1), given=given)
        assert (right.output_shape, right.target_shape) == (None, None)


def test_labels_and_outputs_are_seen_as_the_loss_is_given_them() -> None:
    loop = loop_of("zero pass back step")
    assert (loop.label_range, loop.labels, loop.outputs) == ((0, 2), 3, 3)
    assert loop.are_probabilities is False
    squashed = nn.Sequential(network(), nn.Softmax(dim=1))
    assert loop_of("zero pass back step", squashed).are_probabilities is True


class Broken(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.relu()


def test_a_network_without_parameters_is_told_of_in_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with descend.watch(Broken(), out=None) as watch:
        Broken()(torch.ones(2, 2))
    assert watch.failure is None
    assert capsys.readouterr().err == (
        "descend: Broken has no parameters, there was nothing to watch\n"
    )
    with descend.watch(network(), out=None):
        pass
    assert "nothing happened to Sequential" in capsys.readouterr().err


def test_numbers_that_are_none_end_neither_the_loop_nor_the_watch() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step(number: int) -> None:
        x, y = batch(number)
        if number >= 4:
            x[0, 0] = torch.nan
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    for every in (1, 1000):
        watch = descend.watch(model, every=every, out=None, quiet=True)
        with watch:
            for number in range(9):
                step(number)
        assert watch.failure is None
        assert watch.status == "diverged"
        model = network()
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
        assert watch.record().steps[-1] == 4


class Recorder(nn.Module):
    """Keeps weak references to what passes through it."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[weakref.ref[Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        y = x * 1.0
        self.seen.append(weakref.ref(y))
        return y


def test_neither_graph_nor_activations_are_held() -> None:
    """Not even until the next step: all that a sampled pass made is gone when the loop lets go."""
    recorder = Recorder()
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 16), recorder, nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    criterion = nn.CrossEntropyLoss()
    gc.collect()
    gc.disable()  # what only the collector could free would be memory that grows for a while
    try:
        with descend.watch(model, optimizer, criterion, every=1, out=None, quiet=True):
            for number in range(4):
                x, y = batch(number)
                optimizer.zero_grad()
                criterion(model(x), y).backward()
                assert recorder.seen.pop()() is None
                optimizer.step()
    finally:
        gc.enable()


def test_no_memory_grows_with_the_steps_that_are_watched() -> None:
    model = Convolutional()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step(number: int) -> None:
        x, y = images(number % 4)
        optimizer.zero_grad()
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    def tensors() -> int:
        gc.collect()
        return sum(issubclass(type(one), Tensor) for one in gc.get_objects())

    with descend.watch(model, optimizer, every=1, out=None, quiet=True):
        for number in range(20):
            step(number)
        before = tensors()
        for number in range(40):
            step(number)
        # which units answered to the last 2,000 examples is a row for each batch
        assert tensors() - before <= 2 * 40


def test_models_that_are_trained_beside_it_are_none_of_its_business() -> None:
    model, other = network(), Functional()
    optimizers = [torch.optim.SGD(one.parameters(), lr=0.05) for one in (model, other)]

    def step(number: int) -> None:
        for one, optimizer in zip((model, other), optimizers, strict=True):
            x, y = batch(number)
            optimizer.zero_grad()
            functional.cross_entropy(one(x), y).backward()
            optimizer.step()

    for every in (1, 3):
        loop = seen_in(model, step, every=every)
        assert (loop.passes, loop.backwards, loop.steps) == (STEPS, STEPS, STEPS)
        assert (loop.optimizers, loop.stale, loop.early, loop.renewed) == (1, 0, 0, 0)


ODD: dict[str, Callable[[nn.Module, int], Tensor]] = {
    "nothing in a batch": lambda model, number: functional.cross_entropy(
        model(batch(number)[0][:0]), batch(number)[1][:0], reduction="sum"
    ),
    "one example": lambda model, number: model(batch(number)[0][0]).sum(),
    "one number": lambda model, number: model(batch(number)[0])[0, 0],
    "no targets": lambda model, number: model(batch(number)[0]).square().mean(),
    "numbers that are none": lambda model, number: (model(batch(number)[0]) * torch.nan).sum(),
    "infinite": lambda model, number: model(batch(number)[0] * 1e38).square().sum(),
    "twice back": lambda model, number: _twice(model(batch(number)[0])),
}


def _twice(outputs: Tensor) -> Tensor:
    outputs.mean().backward(retain_graph=True)
    return outputs.square().mean()


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("every", [1, 3])
def test_odd_losses_end_no_watch(name: str, every: int) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step(number: int) -> None:
        optimizer.zero_grad()
        ODD[name](model, number).backward()
        optimizer.step()

    assert seen_in(model, step, every=every).steps == STEPS


def test_several_roots_and_complex_numbers_end_no_watch() -> None:
    model = nn.Linear(12, 4, dtype=torch.complex64)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def step(number: int) -> None:
        optimizer.zero_grad()
        sizes = model(batch(number)[0].to(torch.complex64)).abs()
        torch.autograd.backward([sizes.mean(), sizes.sum()])
        optimizer.step()

    for every in (1, 3):
        assert seen_in(model, step, every=every).backwards == STEPS


def test_transformed_passes_are_left_alone() -> None:
    """Inside torch.func no tensor holds a number that could be read."""
    model = network().eval()
    parameters = {name: one.detach().clone() for name, one in model.named_parameters()}

    def loss_of(given: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return functional.cross_entropy(torch.func.functional_call(model, given, (x,)), y)

    def step(number: int) -> None:
        torch.func.grad(loss_of)(parameters, *batch(number))
        torch.func.vmap(model)(batch(number)[0].unsqueeze(1))

    assert seen_in(model, step).passes == 0


def test_copies_of_a_network_on_several_processes_are_watched_as_one() -> None:
    dist = torch.distributed
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        inner = Functional()
        for watched in (inner, nn.parallel.DistributedDataParallel(inner)):
            optimizer = torch.optim.SGD(inner.parameters(), lr=0.05)
            called = watched if watched is not inner else nn.parallel.DistributedDataParallel(inner)

            def step(number: int) -> None:
                x, y = batch(number)
                optimizer.zero_grad()  # noqa: B023
                functional.cross_entropy(called(x), y).backward()  # noqa: B023
                optimizer.step()  # noqa: B023

            loop = seen_in(watched, step)
            assert (loop.passes, loop.backwards, loop.steps) == (STEPS, STEPS, STEPS)
            assert not any((loop.stale, loop.outside, loop.unreached, loop.unused))
    finally:
        dist.destroy_process_group()
