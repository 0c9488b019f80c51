"""A training that was interrupted anywhere ends bit for bit as if nothing had happened."""

from __future__ import annotations

from typing import Any

import pytest
import safetensors.torch
import torch
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from torch import Tensor

import descend.data.batches as batches_module
import descend.training.training as training_module
from descend.optimizers.settings import OPTIMIZER_SETTINGS
from descend.training.pretraining import Pretraining
from descend.training.training import Training
from tests.training.scenes import (
    Watching,
    differences,
    everything,
    trained,
    training_of,
    tree_of,
)

State = dict[str, Tensor]


def through_a_file(state: State) -> State:
    """What a checkpoint gives back."""
    own = {name: tensor.contiguous().clone() for name, tensor in state.items()}
    return safetensors.torch.load(safetensors.torch.save(own))


def resumed(
    tree: dict[str, Any], state: State, stop_at: int | None = None, **runs: Any
) -> Training:
    """A new training that goes on from a state."""
    training = training_of(tree, **runs)
    training.load_state(through_a_file(state))
    training.run(Watching(stop_at=stop_at))
    return training


@st.composite
def experiments(draw: st.DrawFn) -> tuple[dict[str, Any], list[int], list[dict[str, Any]]]:
    """Recipes of every kind that remembers something, with their seeds and edits by run."""
    optimizer = draw(st.sampled_from(sorted(OPTIMIZER_SETTINGS)))
    task = draw(st.sampled_from(["multiclass", "regression", "pixels", "binary"]))
    tree = tree_of(task, optimizer=optimizer, epochs=draw(st.integers(1, 4)))
    tree["data"]["examples"] = 24 if task == "pixels" else 40
    settings: dict[str, Any] = tree["training"]
    settings["dtype"] = draw(st.sampled_from(["float32", "float64"]))
    settings["batch_size"] = "all" if optimizer == "lbfgs" else draw(st.sampled_from([7, 8, "all"]))
    if optimizer == "lbfgs":
        settings["max_iter"] = 3
    settings["drop_last"] = draw(st.booleans())
    settings["shuffle"] = draw(st.booleans())
    settings["measure_every"] = draw(st.sampled_from([0, 1, 3]))
    settings["measure_first"] = draw(st.sampled_from([0, 2]))
    settings["evaluate"] = draw(st.sampled_from([[], ["test"], ["validation", "train"]]))
    settings["evaluate_every"] = draw(st.integers(1, 3))
    schedules: list[Any] = [
        None,
        "cosine",
        "one_cycle",
        {"name": "warmup", "steps": 4},
        {"name": "step", "step_size": 1},
        {"name": "plateau", "patience": 0, "threshold": 0.2},
    ]
    settings["schedule"] = draw(st.sampled_from(schedules))
    if draw(st.booleans()):
        metric = draw(st.sampled_from(["validation/loss", "train/loss"]))
        settings["early_stopping"] = {"patience": 1, "min_delta": 0.05, "metric": metric}
    if draw(st.booleans()):
        settings["steps"] = draw(st.integers(1, 12))
    if draw(st.booleans()):
        settings["clip_norm"] = 0.5
    network: dict[str, Any] = tree["network"]
    network["batch_norm"] = draw(st.sampled_from([False, "before", "after"]))
    network["dropout"] = draw(st.sampled_from([0.0, 0.3]))
    if draw(st.integers(0, 3)) == 0:
        network["init"] = {"name": "rbm", "epochs": 1, "batch_size": 16}
    edits: list[dict[str, Any]] = [{}] * draw(st.integers(1, 4))
    if draw(st.booleans()):
        edits[draw(st.integers(0, len(edits) - 1))] = {"training.lr": 1e150}
    seeds = draw(st.lists(st.integers(0, 2**40), min_size=len(edits), max_size=len(edits)))
    return tree, seeds, edits


@settings(max_examples=30)
@given(experiments(), st.data())
def test_an_interrupted_training_ends_bit_for_bit_the_same(
    experiment: tuple[dict[str, Any], list[int], list[dict[str, Any]]], data: st.DataObject
) -> None:
    """Weights, statistics, curves, measurements and metrics, from any point of any epoch."""
    tree, seeds, edits = experiment
    runs: dict[str, Any] = {"seeds": seeds, "edits": edits}
    with pytest.MonkeyPatch.context() as patch:
        # few steps in an advance, so that there are many places to be interrupted at
        patch.setattr(batches_module, "_CPU_BYTES", data.draw(st.sampled_from([1, 1 << 19])))
        patch.setattr(training_module, "STEPS_AT_ONCE", data.draw(st.sampled_from([1, 3])))
        whole = training_of(tree, **runs)
        watching = Watching(keeps=True)
        assert whole.run(watching)
        expected = everything(whole)
        for status in set(whole.status):
            event(status)
        state = data.draw(st.sampled_from(watching.saved))
        note(f"interrupted at step {int(state['step'])} of {whole.step}")
        event("before the first step" if not int(state["step"]) else "later")
        again = resumed(tree, state, **runs)
        assert again.is_over
        assert differences(everything(again), expected) == []


def test_interrupted_again_and_again() -> None:
    """One step at a time, each from the checkpoint of the one before, is one training."""
    tree = tree_of("multiclass", optimizer="adam", epochs=3, evaluate=["test"], measure_every=2)
    tree["network"] |= {"dropout": 0.3, "batch_norm": "before"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training_module, "STEPS_AT_ONCE", 1)
        expected = everything(trained(tree, [1, 2]))
        state: State | None = None
        for step in range(1, 15):
            training = training_of(tree, [1, 2])
            if state is not None:
                training.load_state(through_a_file(state))
            watching = Watching(stop_at=step)
            assert not training.run(watching)
            assert training.step == step
            (state,) = watching.saved
        assert state is not None
        assert differences(everything(resumed(tree, state, seeds=[1, 2])), expected) == []


def test_a_stop_at_the_very_end_is_no_interruption() -> None:
    """Asked to stop when nothing is left to do, the training is finished."""
    training = training_of(tree_of("multiclass", epochs=2), [1])
    assert training.run(Watching(stop_at=training.total))
    assert training.status == ["finished"]


def test_all_runs_may_have_left_before_the_interruption() -> None:
    """A checkpoint after the last run diverged is resumed too."""
    tree = tree_of("regression", optimizer="sgd", lr=1e150, epochs=6)
    runs: dict[str, Any] = {
        "seeds": [1, 2, 3],
        "edits": [{}, {"training.lr": 1e200}, {"training.lr": 1e250}],
    }
    training = training_of(tree, **runs)
    watching = Watching(keeps=True)
    assert training.run(watching)
    assert training.status == ["diverged"] * 3
    last = watching.saved[-1]
    assert len(last["active"]) == 0
    again = resumed(tree, last, **runs)
    assert differences(everything(again), everything(training)) == []


def test_machines_are_trained_before_the_first_step_and_kept() -> None:
    """A checkpoint between pretraining and the first step does not train the machines again."""
    tree = tree_of("binary", optimizer="adam", epochs=2)
    tree["network"]["init"] = {"name": "rbm", "epochs": 2}
    expected = everything(trained(tree, [1, 2]))
    training = training_of(tree, [1, 2])
    watching = Watching(keeps=True)
    training.run(watching)
    state = next(one for one in watching.saved if "pretraining/0/free_energy" in one)
    assert int(state["step"]) == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pretraining, "epoch", None)  # not to be called
        again = resumed(tree, state, seeds=[1, 2])
    assert differences(everything(again), expected) == []


@pytest.mark.parametrize("persistent", [False, True])
def test_machines_go_on_where_they_were_interrupted(persistent: bool) -> None:
    """From a checkpoint after any epoch of any machine: the epochs that are left, the same bits.

    Runs with other machines have theirs in turn; one has none for its second layer's neighbour.
    """
    tree = tree_of("binary", optimizer="adam", epochs=1)
    machines = {"name": "rbm", "epochs": 2, "persistent": persistent}
    tree["network"]["init"] = machines
    more: dict[str, Any] = {"network.init": {**machines, "epochs": 3, "k": 2}}
    runs: dict[str, Any] = {"seeds": [1, 2, 1], "edits": [{}, {}, more]}
    training = training_of(tree, **runs)
    watching = Watching(keeps=True)
    training.run(watching)
    expected = everything(training)
    begun = [state for state in watching.saved if "machines/ended" in state]
    assert len(begun) == 1 + 2 * 2 + 2 * 3 - 1  # before the first epoch, and after all but the last
    for count, state in enumerate(begun):
        again, seen = training_of(tree, **runs), Watching()
        again.load_state({name: tensor.clone() for name, tensor in state.items()})
        assert again.run(seen)
        assert differences(everything(again), expected) == []
        assert sum(progress.machine is not None for progress in seen.told) == len(begun) - count


def test_machines_tell_how_far_they_are() -> None:
    """After each epoch of each machine its error is told, then the steps as always."""
    tree = tree_of("binary", epochs=1)
    tree["network"]["init"] = {"name": "rbm", "epochs": 2}
    training, watching = training_of(tree, [1, 2]), Watching()
    assert training.run(watching)
    machines = [progress.machine for progress in watching.told if progress.machine is not None]
    assert watching.told[len(machines)].machine is None
    assert [(one.layer, one.layers, one.epoch, one.epochs) for one in machines] == [
        *((1, 2, 1, 2), (1, 2, 2, 2), (2, 2, 1, 2), (2, 2, 2, 2))
    ]
    for one in machines:
        errors = training.pretraining[one.layer - 1]["reconstruction_error"][:, one.epoch]
        assert one.reconstruction_error == pytest.approx(float(errors.mean()))
    shares = [progress.share for progress in watching.told]
    assert shares[:4] == [0.25, 0.5, 0.75, 1.0]
    assert shares[4:] == sorted(shares[4:])
    assert shares[-1] == 1
    assert {progress.step for progress in watching.told[:4]} == {0}


def test_machines_stop_when_asked() -> None:
    """Asked to stop while machines learn, it ends at their next epoch and saves what they have."""
    tree = tree_of("binary", epochs=2)
    tree["network"]["init"] = {"name": "rbm", "epochs": 1_000_000}
    training = training_of(tree, [1])
    watching = Stopping()
    assert not training.run(watching)
    assert len(watching.saved) == 1
    assert training.machines.greedy is not None
    assert training.machines.greedy.learnt[0].epochs == 1
    assert training.step == 0


class Stopping(Watching):
    """Wants to stop once it has been told of anything."""

    def wants_to_stop(self) -> bool:
        return bool(self.told)


def test_a_warm_up_that_ends_at_the_interruption_goes_on_at_the_full_rate() -> None:
    """The last rate of a warm-up is in the state, but the next step has the full one."""
    tree = tree_of(
        "multiclass", optimizer="sgd", lr=0.3, epochs=2, schedule={"name": "warmup", "steps": 5}
    )
    expected = everything(trained(tree, [1]))
    training = training_of(tree, [1])
    watching = Watching(stop_at=5)
    assert not training.run(watching)
    again = resumed(tree, watching.saved[0], seeds=[1])
    assert differences(everything(again), expected) == []


def test_a_state_is_no_copy() -> None:
    """A checkpoint of a large stack must not need its memory twice."""
    training = trained(tree_of("multiclass", optimizer="adam", epochs=1), [1, 2])
    state = training.state()
    assert state["theta"].data_ptr() == training.stack.theta.data_ptr()
    assert state["optimizer/mean"].data_ptr() == training.executor.optimizer.mean.data_ptr()  # type: ignore[attr-defined]


def test_the_same_object_can_be_stopped_and_go_on() -> None:
    """`run` after an interruption continues without a checkpoint as well."""
    tree = tree_of("multiclass", optimizer="adam", epochs=3)
    training = training_of(tree, [1])
    assert not training.run(Watching(stop_at=3))
    assert training.run(Watching())
    assert differences(everything(training), everything(trained(tree, [1]))) == []
    assert torch.equal(training.active, torch.arange(1))
