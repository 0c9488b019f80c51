"""A run that is killed at any moment is resumed as if nothing had happened."""

from __future__ import annotations

import json
import random
import shutil
import signal
from pathlib import Path

import polars
import pytest
import safetensors.torch
import torch

import descend
from descend.errors import RunError
from descend.runs.folder import RunFolder
from tests.runs.conftest import Victim

KILLED = -signal.SIGKILL
FINISHED = {
    *("recipe.toml", "run.json", "preparation.json"),
    *("metrics.parquet", "trace.parquet", "weights.safetensors", "findings.json"),
}


@pytest.fixture(scope="module")
def whole(victim: Victim, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was never interrupted."""
    out = tmp_path_factory.mktemp("whole")
    assert victim(out=out) == 0
    return the_run(out)


def the_run(out: Path) -> Path:
    """The only run in a folder, without what a killed process had only begun to make."""
    (run,) = (path for path in out.iterdir() if not path.name.startswith("."))
    return run


def started(victim: Victim, out: Path, **how: object) -> Path:
    """A run that was killed after some steps, or as `how` says."""
    assert victim(out=out, **(how or {"step": 12, "signal": signal.SIGKILL})) == KILLED
    return the_run(out)


def check_nothing_is_torn(run: Path) -> None:
    """Every file that has its name is whole; what was being written has a hidden one."""
    for path in run.rglob("*"):
        if path.is_dir() or path.name.startswith("."):
            continue
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".parquet":
            polars.read_parquet(path)
        elif path.suffix == ".safetensors":
            safetensors.torch.load_file(path)
        else:
            descend.Recipe.read(path)


def check_same(run: Path, whole: Path) -> None:
    """Weights, curves and measurements are those of the run that was never interrupted."""
    assert {path.name for path in run.rglob("*")} == FINISHED
    for name in ("weights.safetensors", "recipe.toml", "preparation.json", "findings.json"):
        assert (run / name).read_bytes() == (whole / name).read_bytes(), name
    for name in ("metrics.parquet", "trace.parquet"):
        assert polars.read_parquet(run / name).equals(polars.read_parquet(whole / name)), name
    facts, expected = (json.loads((path / "run.json").read_text()) for path in (run, whole))
    assert facts["runs"] == expected["runs"]
    assert facts["status"] == expected["status"] == "finished"


@pytest.mark.parametrize("seed", range(4))
def test_a_run_that_is_killed_again_and_again_ends_the_same(
    seed: int, victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """SIGKILL around random writes, between steps and at random times, until it is finished."""
    chance = random.Random(seed)
    run = started(victim, tmp_path)
    rounds, code = 1, KILLED
    while code == KILLED:
        how = chance.choice(
            [
                {"hook": chance.randrange(9, 40)},
                {"hook": chance.randrange(9, 40)},
                {"seconds": chance.uniform(0.02, 0.1)},
            ]
        )
        code = victim(run=run, **how)
        check_nothing_is_torn(run)
        rounds += 1
    assert code == 0
    assert rounds > 2
    check_same(run, whole)


def test_a_kill_while_the_results_are_written_loses_none(
    victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """At every moment of the last writes, one after the other."""
    run = started(victim, tmp_path / "a")
    assert victim(run=run, step=40, signal=signal.SIGTERM) == 0
    moment, code = 0, KILLED
    killed_with = set()
    while code == KILLED:
        # 40 of 48 steps are done: the moments of two more checkpoints, then those of the results
        moment += 1
        copy = tmp_path / f"moment{moment}"
        shutil.copytree(run, copy)
        code = victim(run=copy, hook=moment, checkpoint_seconds=1000)
        check_nothing_is_torn(copy)
        if code == KILLED:
            killed_with.add(frozenset(path.name for path in copy.iterdir()) & FINISHED)
            if moment % 3 == 0:  # what is on the disk changes about as often
                assert victim(run=copy) == 0
                check_same(copy, whole)
    assert code == 0
    assert moment > 20
    assert len(killed_with) == 5  # none, then one after the other of the four that come last
    check_same(copy, whole)


def test_a_kill_before_the_first_checkpoint_starts_over(
    victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """Without a checkpoint the run begins again, with the same result."""
    how = {"step": 8, "signal": signal.SIGKILL, "checkpoint_seconds": 1000}
    run = started(victim, tmp_path, **how)
    assert not (run / "checkpoint").exists()
    assert victim(run=run) == 0
    check_same(run, whole)


def test_a_folder_is_made_whole_or_not_at_all(victim: Victim, tmp_path: Path) -> None:
    """Killed while it makes the folder, a training leaves at most a hidden one."""
    for moment in (1, 2, 5, 7, 16, 24, 25, 26, 28):
        out = tmp_path / str(moment)
        assert victim(out=out, hook=moment) == KILLED
        runs = [path for path in out.iterdir() if not path.name.startswith(".")]
        for run in runs:
            assert {"recipe.toml", "run.json", "preparation.json"} <= {
                path.name for path in run.iterdir()
            }
            check_nothing_is_torn(run)
    assert runs


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_good_order(
    number: signal.Signals, victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """Ctrl-C and SIGTERM leave a run that says it was interrupted and can be resumed."""
    assert victim(out=tmp_path, step=12, signal=number, checkpoint_seconds=1000) == 0
    run = the_run(tmp_path)
    facts = RunFolder.open(run).read_facts()
    assert facts["status"] == "interrupted"
    assert facts["step"] == 12
    assert {path.name for path in run.iterdir()} == {
        *("recipe.toml", "run.json", "preparation.json", "checkpoint")
    }
    with pytest.raises(RunError, match="interrupted"):
        descend.load_run(run)
    assert victim(run=run) == 0
    check_same(run, whole)


def test_machines_that_are_killed_go_on(victim: Victim, tmp_path: Path) -> None:
    """Killed while machines were trained, or later, a run ends with the same weights and tables."""
    tree = {"network": {"hidden": [8], "init": {"name": "rbm", "epochs": 3}}}
    assert victim(out=tmp_path / "whole", tree=tree) == 0
    whole = the_run(tmp_path / "whole")
    out = tmp_path / "killed"
    assert victim(out=out, tree=tree, machine=True) == KILLED
    run = the_run(out)
    state = RunFolder.open(run).read_checkpoint()
    assert state is not None
    assert len(state["machines/greedy/0/measured"]) == 2  # before the first epoch, and after it
    assert victim(run=run, step=8, signal=signal.SIGKILL) == KILLED
    assert victim(run=run) == 0
    name = "weights.safetensors"
    assert (run / name).read_bytes() == (whole / name).read_bytes()
    for name in ("metrics.parquet", "trace.parquet", "pretraining.parquet"):
        assert polars.read_parquet(run / name).equals(polars.read_parquet(whole / name))


def test_two_processes_cannot_train_in_one_folder(victim: Victim, tmp_path: Path) -> None:
    """The second one is refused at once; the lock of a killed one is lifted."""
    run = started(victim, tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in run.rglob("*")}
    errors = tmp_path / "errors"
    with RunFolder.open(run).locked():
        with pytest.raises(RunError, match="in training already"):
            descend.resume(run)
        assert victim(run=run, errors=errors) == 1
    assert "in training already" in errors.read_text()
    assert {path.name: path.stat().st_mtime_ns for path in run.rglob("*")} == before
    assert victim(run=run) == 0


def test_a_finished_run_is_left_alone(whole: Path) -> None:
    """Resuming it reads it."""
    before = {path.name: path.stat().st_mtime_ns for path in whole.rglob("*")}
    run = descend.resume(whole)
    assert run.status == "finished"
    assert torch.equal(run.stack.theta, descend.load_run(whole).stack.theta)
    assert {path.name: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


def test_a_full_disk_is_one_sentence(victim: Victim, whole: Path, tmp_path: Path) -> None:
    """Where a checkpoint cannot be written, the one before stays, and nothing half-written."""
    run = started(victim, tmp_path)
    checkpoint = (run / "checkpoint" / "state.safetensors").read_bytes()
    before = {path.name for path in run.rglob("*")}
    errors = tmp_path / "errors"
    assert victim(run=run, limit=1000, errors=errors) == 1
    message = errors.read_text()
    assert message.startswith("state.safetensors must be writable in ")
    assert "File too large" in message
    assert len(message.splitlines()) == 2
    assert {path.name for path in run.rglob("*")} == before
    assert (run / "checkpoint" / "state.safetensors").read_bytes() == checkpoint
    assert victim(run=run) == 0
    check_same(run, whole)


def test_results_that_do_not_fit_can_be_written_later(
    victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """The disk fills up with the results: the last checkpoint is there to write them from."""
    run = started(victim, tmp_path)
    errors = tmp_path / "errors"
    size = (run / "checkpoint" / "state.safetensors").stat().st_size
    limit = (whole / "trace.parquet").stat().st_size - 1
    assert limit < size
    code = victim(run=run, limit=limit, checkpoint_seconds=1000, errors=errors)
    assert code == 1
    assert "must be writable" in errors.read_text()
    assert not [path for path in run.rglob("*") if path.name.startswith(".")]
    assert RunFolder.open(run).read_facts()["status"] == "running"
    assert victim(run=run) == 0
    check_same(run, whole)
