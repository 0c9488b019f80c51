"""A session: what it asks of a training, and how it is stopped."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

import descend
from descend.runs.folder import RunFolder
from descend.runs.listing import list_runs
from descend.runs.session import Session
from descend.training.training import Progress
from tests.training.scenes import training_of, tree_of

TREE: dict[str, Any] = {
    "data": {"source": "moons", "examples": 60},
    "network": {"hidden": [4]},
    "training": {"epochs": 20, "batch_size": 16},
}


def handlers() -> list[Any]:
    """Who hears Ctrl-C and SIGTERM."""
    return [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_run_in_memory(number: signal.Signals) -> None:
    """It returns with what it has; the handlers are the caller's again."""
    before = handlers()
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 3:
            signal.raise_signal(number)

    run = descend.train(TREE, out=None, tell=tell)
    assert run.status == "interrupted"
    assert [result["status"] for result in run.results] == ["interrupted"]
    assert len(told) == 3
    assert len(run.history) == 3
    assert handlers() == before


def test_a_second_interrupt_ends_it_at_once(tmp_path: Path) -> None:
    """The message says how to go on; what was saved is there."""
    told = 0

    def tell(progress: Progress) -> None:
        nonlocal told
        told += 1
        if told == 3:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    before = handlers()
    with pytest.raises(KeyboardInterrupt, match="descend resume"):
        descend.train(TREE, out=tmp_path, tell=tell, checkpoint_seconds=0)
    assert handlers() == before
    (folder,) = tmp_path.iterdir()
    run = descend.resume(folder)
    assert run.status == "finished"
    assert torch.equal(run.stack.theta, descend.train(TREE, out=None).stack.theta)


def test_a_run_trains_in_another_thread_as_well() -> None:
    """Only the main thread can hear signals; elsewhere none is asked for."""
    found: list[descend.Run] = []
    thread = threading.Thread(target=lambda: found.append(descend.train(TREE, out=None)))
    thread.start()
    thread.join()
    assert found[0].status == "finished"
    assert torch.equal(found[0].stack.theta, descend.train(TREE, out=None).stack.theta)


def test_a_foreign_handler_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler that was not installed from Python is reported as None."""
    own = signal.getsignal
    monkeypatch.setattr(signal, "getsignal", lambda n: None if n == signal.SIGTERM else own(n))
    assert descend.train(TREE, out=None).status == "finished"


def test_slow_checkpoints_become_rare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A state that takes 3 seconds to write is not written every 10 seconds."""
    clock = 0.0
    monkeypatch.setattr("descend.runs.session.perf_counter", lambda: clock)

    def write(folder: RunFolder, state: Any) -> None:
        nonlocal clock
        clock += float(state["cost"])

    monkeypatch.setattr(RunFolder, "write_checkpoint", write)
    session = Session(training_of(tree_of(), [1]), RunFolder(tmp_path))
    session.began = session.saved = clock
    for cost, pause in ((0.01, 10.0), (0.5, 10.0), (3.0, 60.0)):
        session.save({"cost": torch.tensor(cost)})
        clock += pause - 0.001
        assert not session.wants_checkpoint()
        clock += 0.002
        assert session.wants_checkpoint()


def test_a_list_shows_how_far_a_run_in_training_is(tmp_path: Path) -> None:
    """Its epochs are those that its last checkpoint holds."""
    shown = []

    def tell(progress: Progress) -> None:
        (run,) = list_runs(tmp_path)
        shown.append((run.status, run.epochs))

    descend.train(TREE, epochs=3, out=tmp_path, tell=tell, checkpoint_seconds=0)
    assert shown == [("running", 0), ("running", 1), ("running", 2)]
    (run,) = list_runs(tmp_path)
    assert (run.status, run.epochs) == ("finished", 3)


def test_a_checkpoint_that_is_torn_is_no_obstacle_to_a_list(tmp_path: Path) -> None:
    """Who lists runs is not the one who mends them."""

    def tell(progress: Progress) -> None:
        signal.raise_signal(signal.SIGINT)

    folder = descend.train(TREE, out=tmp_path, tell=tell).folder
    assert folder is not None
    (folder / "checkpoint" / "state.safetensors").write_bytes(b"torn")
    (run,) = list_runs(tmp_path)
    assert (run.status, run.epochs) == ("interrupted", None)


def test_time_is_counted_over_interruptions(tmp_path: Path) -> None:
    """`seconds` of a resumed run are those of all its parts."""
    told: list[Progress] = []

    def tell(progress: Progress) -> None:
        told.append(progress)
        if len(told) == 2:
            signal.raise_signal(signal.SIGINT)

    first = descend.train(TREE, out=tmp_path, tell=tell)
    assert first.folder is not None
    session = Session(training_of(tree_of(), [1]), None)
    assert session.seconds == 0
    state = RunFolder.open(first.folder).read_checkpoint()
    assert state is not None
    assert 0 < float(state["seconds"]) <= first.seconds + 0.001
    second = descend.resume(first.folder)
    assert second.seconds > float(state["seconds"])
    assert descend.load_run(first.folder).seconds == second.seconds
