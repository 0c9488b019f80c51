"""A watched loop computes bit for bit what it computes unwatched, and nothing is left behind."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.optim import optimizer

import descend
from descend.findings.record import Record
from descend.findings.rule import rules
from descend.watching import watch as watches
from tests.watching.scenes import SCENES, Scene, batch, mlp

STEPS = 12
OF_PARAMETERS = ("_backward_hooks", "_post_accumulate_grad_hooks")


def outcome(scene: Scene, **watched: Any) -> list[torch.Tensor]:
    """Weights, buffers and optimizers' averages after some steps, and the state of the dice."""
    torch.manual_seed(5)
    if watched:
        watch = descend.watch(scene.model, out=None, quiet=True, **watched)
        with watch:
            scene.run(STEPS)
        assert watch.failure is None
        assert len(watch.record().steps) > 0
    else:
        scene.run(STEPS)
    kept = [value for one in (scene.model, *scene.others) for value in one.state_dict().values()]
    states = [state for one in scene.optimizers for state in one.state.values()]
    kept += [value for one in states for value in one.values() if isinstance(value, torch.Tensor)]
    return [*kept, torch.get_rng_state()]


@pytest.mark.parametrize("name", SCENES)
def test_results_are_bit_identical(name: str) -> None:
    unwatched = outcome(SCENES[name]())
    scene = SCENES[name]()
    told = outcome(scene, optimizer=scene.optimizers, loss=scene.criterion, every=1)
    untold = outcome(SCENES[name](), every=2)
    for watched in (told, untold):
        assert len(watched) == len(unwatched)
        assert all(torch.equal(one, other) for one, other in zip(watched, unwatched, strict=True))


def hooks_of(scene: Scene) -> int:
    """How many hooks of any kind there are: on modules, parameters, optimizers and everywhere."""
    modules = [one for root in (scene.model, *scene.others) for one in root.modules()]
    criterion = [] if scene.criterion is None else [scene.criterion]
    places = [vars(one) for one in (*modules, *criterion, *scene.optimizers)]
    places += [
        {name: getattr(parameter, name, None) for name in OF_PARAMETERS}
        for parameter in scene.model.parameters()
    ]
    places += [vars(optimizer), vars(nn.modules.module)]
    return sum(
        len(value)
        for place in places
        for name, value in place.items()
        if name.endswith("_hooks") and isinstance(value, Mapping)
    )


@pytest.mark.parametrize("name", SCENES)
def test_no_hook_remains(name: str) -> None:
    scene = SCENES[name]()
    before, backward = hooks_of(scene), torch.autograd.backward
    given = scene.optimizers, scene.criterion
    with descend.watch(scene.model, *given, every=3, out=None, quiet=True):
        scene.run(5)
        assert hooks_of(scene) > before
    assert hooks_of(scene) == before
    assert torch.autograd.backward is backward


def test_no_hook_remains_of_a_loop_that_fails() -> None:
    scene = mlp()
    before, backward = hooks_of(scene), torch.autograd.backward
    x = torch.zeros(4, 13)  # one column too many
    watch = descend.watch(scene.model, every=1, out=None, quiet=True)
    with pytest.raises(RuntimeError, match="shapes"), watch:  # noqa: PT012, the loop is the claim
        scene.run(3)
        scene.model(x)
    assert hooks_of(scene) == before
    assert torch.autograd.backward is backward
    assert watch.status == "stopped early"
    assert watch.failure is None


def test_two_watches_do_not_disturb_each_other() -> None:
    alone, scene = mlp(), mlp()
    torch.manual_seed(1)
    alone.run(6)
    torch.manual_seed(1)
    backward = torch.autograd.backward
    first = descend.watch(scene.model, every=1, out=None, quiet=True).start()
    second = descend.watch(scene.model, every=2, out=None, quiet=True).start()
    scene.run(4)
    first.stop()
    scene.run(0)
    for number in (4, 5):
        scene.step(number)
    second.stop()
    assert torch.autograd.backward is backward
    assert (len(first.record().steps), len(second.record().steps)) == (4, 3)
    watched, unwatched = scene.model.state_dict(), alone.model.state_dict()
    assert all(torch.equal(watched[name], unwatched[name]) for name in unwatched)


def test_a_function_that_somebody_puts_around_backward_stays() -> None:
    scene, seen = mlp(), []
    watch = descend.watch(scene.model, every=1, out=None, quiet=True).start()
    inner = torch.autograd.backward

    def around(*args: Any, **kwargs: Any) -> None:
        seen.append(1)
        inner(*args, **kwargs)

    torch.autograd.backward = around
    try:
        scene.run(2)
        watch.stop()
        assert torch.autograd.backward is around
        scene.run(1)
    finally:
        torch.autograd.backward = getattr(inner, "__wrapped__", inner)
        from descend.watching import backwards

        torch.autograd.backward = backwards._original
    assert len(seen) == 3
    assert len(watch.record().steps) == 2


BREAKS = [
    "descend.watching.activity.kept",
    "descend.watching.activity.follow",
    "descend.watching.sample.read_losses",
    "descend.watching.movement.norms",
    "descend.watching.conduct.Conduct.look_at_modes",
    "descend.watching.observation.first_facts",
    "descend.watching.samples.torch.where",
]


@pytest.mark.parametrize("place", BREAKS)
def test_a_hook_that_fails_ends_the_watch_and_not_the_loop(
    place: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    alone, scene = mlp(), mlp()
    torch.manual_seed(2)
    alone.run(6)
    before = hooks_of(scene)
    torch.manual_seed(2)

    def fails(*args: Any, **kwargs: Any) -> None:
        raise ValueError("a mistake of descend")

    with descend.watch(scene.model, scene.optimizers, every=1, out=None) as watch:
        with monkeypatch.context() as patch:
            patch.setattr(place, fails)
            scene.run(3)
        for number in range(3, 6):
            scene.step(number)
    assert watch.failure == "ValueError: a mistake of descend"
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert "a mistake of descend" in said.err
    assert "the loop goes on" in said.err
    assert hooks_of(scene) == before
    watched, unwatched = scene.model.state_dict(), alone.model.state_dict()
    assert all(torch.equal(watched[name], unwatched[name]) for name in unwatched)


def test_a_network_can_be_copied_and_stored_while_it_is_watched(tmp_path: Path) -> None:
    """Averages of weights are kept in copies; nobody watches these."""
    scene = mlp()
    with descend.watch(scene.model, scene.optimizers, every=2, out=None, quiet=True) as watch:
        scene.run(3)
        passes = watch.observer.order.passes
        copied = copy.deepcopy(scene.model)
        torch.save(scene.model, tmp_path / "model.pt")
        stored = torch.load(tmp_path / "model.pt", weights_only=False)
        for other in (copied, stored):
            functional.cross_entropy(other(batch(0)[0]), batch(0)[1]).backward()
            other(batch(0)[0])
        assert watch.observer.order.passes == passes
        scene.run(3)
    assert watch.failure is None
    assert watch.record().loop.passes == 6


def test_gradients_that_come_from_elsewhere_are_gradients() -> None:
    scene = mlp()
    parameters = list(scene.model.parameters())
    with descend.watch(scene.model, scene.optimizers, every=1, out=None, quiet=True) as watch:
        for number in range(20):
            x, y = batch(number)
            loss = functional.cross_entropy(scene.model(x), y)
            gradients = torch.autograd.grad(loss, parameters)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            scene.optimizers[0].step()
    loop = watch.record().loop
    assert (loop.backwards, loop.empty, loop.unreached) == (20, 0, [])
    assert watch.findings == ()


def test_a_rule_that_fails_leaves_the_others_their_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(record: Record) -> None:
        raise ZeroDivisionError("a mistake of a rule")

    scene = mlp()
    with descend.watch(scene.model, every=1, out=None) as watch:
        for number in range(30):
            x, y = batch(number)
            functional.cross_entropy(scene.model(x), y).backward()
            scene.optimizers[0].step()
        broken = [replace(one, look=fails) if one.code == "D206" else one for one in rules()]
        monkeypatch.setattr(watches, "rules", lambda: broken)
        monkeypatch.setattr("descend.diagnosis.examination.rules", lambda: broken)
    assert watch.failure == "ZeroDivisionError: a mistake of a rule"
    assert "a mistake of a rule" in capsys.readouterr().err.splitlines()[-1]
    assert watch.findings[0].code == "D220"


def test_a_watch_begins_and_ends_once() -> None:
    scene = mlp()
    watch = descend.watch(scene.model, every=1, out=None, quiet=True)
    watch.stop()
    assert watch.status == "running"
    assert watch.start() is watch.start()
    scene.run(2)
    watch.stop()
    watch.stop()
    watch.start()
    scene.run(2)
    assert len(watch.record().steps) == 2


def test_what_cannot_be_watched_is_refused_in_a_sentence() -> None:
    scene = mlp()
    with pytest.raises(descend.NetworkError, match=r"`model` must be a torch\.nn\.Module: Tensor"):
        descend.watch(torch.zeros(3))  # type: ignore[arg-type]
    with pytest.raises(descend.NetworkError, match="`loss` must be a"):
        descend.watch(scene.model, loss=torch.nn.functional.mse_loss)  # type: ignore[arg-type]
    with pytest.raises(descend.NetworkError, match="`every` must be a whole number"):
        descend.watch(scene.model, every=0)
