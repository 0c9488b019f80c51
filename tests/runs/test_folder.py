"""What lies in the folder of a run, and how it gets there."""

from __future__ import annotations

import errno
import json
import os
import pickletools
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import polars
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import descend
from descend.errors import DataError, RunError
from descend.recipe import Recipe
from descend.runs import files
from descend.runs.folder import RunFolder
from descend.runs.listing import list_runs
from descend.runs.session import Session
from tests.training.scenes import Watching, training_of, tree_of

FILES = {
    *("recipe.toml", "run.json", "preparation.json"),
    *("metrics.parquet", "trace.parquet", "weights.safetensors", "findings.json"),
}
TREE: dict[str, Any] = {
    "title": "Two moons, ünd more!",
    "data": {"source": "moons", "examples": 60},
    "network": {"hidden": [4], "batch_norm": "before"},
    "training": {"epochs": 5, "batch_size": 16, "measure_every": 4, "evaluate_every": 2},
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> descend.Run:
    """Two networks in a folder."""
    return descend.train(TREE, seeds=2, out=tmp_path_factory.mktemp("runs"))


def place(run: descend.Run) -> Path:
    """The run's folder."""
    assert run.folder is not None
    return run.folder


def test_a_folder_has_these_files_and_no_others(run: descend.Run) -> None:
    """Few files, the checkpoint gone, nothing hidden, nothing that is a pickle."""
    assert {path.name for path in place(run).rglob("*")} == FILES
    for path in place(run).iterdir():
        content = path.read_bytes()
        assert not content.startswith((b"\x80", b"PK"))  # pickle, torch.save
        with pytest.raises(ValueError, match=r".*"):
            list(pickletools.genops(content))


def test_a_folder_is_named_by_time_and_title(run: descend.Run) -> None:
    """`<date>_<time>_<name>_<id>`, in letters that every file system has."""
    date, time, name, number = place(run).name.split("_")
    assert len(date.split("-")) == 3
    assert time.isdigit()
    assert name == "two-moons-nd-more"
    assert len(number) == 4


def test_tables_have_one_row_for_each_thing(run: descend.Run) -> None:
    """metrics: run, epoch, then the curves; trace: run, step, layer, quantity, value."""
    metrics = polars.read_parquet(place(run) / "metrics.parquet")
    assert metrics.schema == {
        "run": polars.Int32,
        "epoch": polars.Int32,
        "train/loss": polars.Float64,
        "validation/loss": polars.Float64,
        "validation/accuracy": polars.Float64,
    }
    assert metrics.height == 10
    trace = polars.read_parquet(place(run) / "trace.parquet")
    assert trace.columns == ["run", "step", "layer", "quantity", "value"]
    assert trace.group_by("run", "step", "layer", "quantity").len()["len"].max() == 1


def test_run_json_says_what_ran_where_on_what(run: descend.Run) -> None:
    """Status, seeds, versions, hardware, the data's fingerprint, and each network's results."""
    facts = json.loads((place(run) / "run.json").read_text())
    assert facts["status"] == "finished"
    assert facts["seeds"] == [0, 1]
    assert facts["step"] == 5 * 3
    assert facts["device"] == "cpu"
    assert facts["threads"] == 1
    assert {"descend", "torch", "python"} <= facts["versions"].keys()
    assert facts["hardware"].keys() == {"system", "cores", "gpu"}
    assert len(facts["data"]["fingerprint"]) == 64
    assert facts["data"]["examples"] == {"train": 39, "validation": 9, "test": 12}
    assert [result["seed"] for result in facts["runs"]] == [0, 1]
    assert facts["runs"][1]["metrics"] == run.results[1]["metrics"]
    assert facts["seconds"] > 0
    assert list_runs(place(run).parent)[0].folder == place(run)


def test_recipe_toml_is_the_completed_recipe(run: descend.Run) -> None:
    """Every choice is written down; training from it gives the same weights."""
    recipe = Recipe.read(place(run) / "recipe.toml")
    assert recipe == run.recipe
    again = descend.train(place(run) / "recipe.toml", seeds=2, out=None)
    assert again.recipe == run.recipe
    assert torch.equal(again.stack.theta, run.stack.theta)


def test_only_run_json_knows_the_time(run: descend.Run) -> None:
    """The same training twice gives the same bytes everywhere else."""
    other = descend.train(TREE, seeds=2, out=place(run).parent)
    for name in FILES - {"run.json"}:
        assert (place(other) / name).read_bytes() == (place(run) / name).read_bytes(), name


def test_reading_a_run_gives_it_back(run: descend.Run) -> None:
    """Predictions, metrics, curves and measurements are those of the run in memory."""
    read = descend.load_run(place(run))
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(1))
    for number in range(2):
        mine, its = run.predict(x, run=number), read.predict(x, run=number)
        assert torch.equal(mine.outputs, its.outputs)
        assert mine.labels == its.labels
        assert torch.equal(run.to_torch(run=number)(x), read.to_torch(run=number)(x))
    assert read.results == run.results
    assert read.history == run.history
    assert read.history_table.equals(run.history_table)
    assert read.trace.equals(run.trace)
    assert read.seeds == [0, 1]
    assert read.evaluate(x, [0, 1, 0, 1, 0, 1, 0, 1, 0]) == run.evaluate(
        x, [0, 1, 0, 1, 0, 1, 0, 1, 0]
    )
    assert read.to_json() == run.to_json()


def test_a_diverged_run_is_written_and_read(tmp_path: Path) -> None:
    """What is no number is null in JSON and NaN again when it is read."""
    tree = {"data": {"source": "sine"}, "training": {"optimizer": "sgd", "lr": 1e30, "epochs": 3}}
    run = descend.train(tree, out=tmp_path)
    assert run.status == "diverged"
    (folder,) = tmp_path.iterdir()
    json.loads((folder / "run.json").read_text(), parse_constant=pytest.fail)
    read = descend.load_run(folder)
    assert read.status == "diverged"
    assert repr(read.metrics.keys()) == repr(run.metrics.keys())
    assert read.history_table.equals(run.history_table)
    assert read.trace.equals(run.trace)
    assert descend.resume(folder).status == "diverged"


def test_many_runs_in_one_second_have_a_folder_each(run: descend.Run, tmp_path: Path) -> None:
    """The number at the end of the name keeps them apart, also where chance would not."""
    folders = {
        RunFolder.create(tmp_path, "same", run.recipe, {}, run.preparation).path.name
        for _ in range(100)
    }
    assert len(folders) == 100


def test_a_number_that_is_taken_is_not_used_again(
    run: descend.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two folders of one second whose numbers would be the same."""
    numbers = iter(["aaaa", "aaaa", "aaaa", "bbbb"])
    monkeypatch.setattr("descend.runs.folder.secrets.token_hex", lambda size: next(numbers))

    class Frozen:
        @staticmethod
        def now() -> Any:
            return datetime(2026, 1, 31, 12)

    monkeypatch.setattr("descend.runs.folder.datetime", Frozen)
    for _ in range(2):
        RunFolder.create(tmp_path, "same", run.recipe, {}, run.preparation)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["2026-01-31_120000_same_aaaa", "2026-01-31_120000_same_bbbb"]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="where even root may not write")
def test_a_read_only_place_is_refused() -> None:
    """One sentence, and nothing half-written."""
    with pytest.raises(RunError, match="`--out` must be a folder that can be written"):
        descend.train(TREE, out="/proc/self/runs")


def test_a_file_in_the_way_is_refused(run: descend.Run, tmp_path: Path) -> None:
    """`--out` names a file."""
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="`--out` must be a folder that can be written"):
        descend.train(TREE, out=tmp_path / "file")


def failing(call: int, error: int = errno.ENOSPC) -> Callable[[int], None]:
    """An fsync that fails from its n-th call on, as a full disk does."""
    calls = iter(range(1, 1_000_000))
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        if next(calls) >= call:
            raise OSError(error, os.strerror(error))
        fsync(descriptor)

    return sync


def test_a_disk_that_fills_up_while_a_folder_is_made_leaves_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At whichever write: one RunError, and the place is as empty as before."""
    for call in range(1, 8):
        monkeypatch.setattr(os, "fsync", failing(call))
        with pytest.raises(RunError, match="No space left on device"):
            descend.train(TREE, out=tmp_path)
        left = [path for path in tmp_path.iterdir() if not path.name.startswith(".")]
        if call < 7:  # the seventh syncs the name of a folder that is there and whole
            assert list(tmp_path.iterdir()) == []
        monkeypatch.undo()
    assert len(left) <= 1


@settings(max_examples=10)
@given(call=st.integers(1, 12))
def test_a_disk_that_fills_up_keeps_the_last_checkpoint(
    call: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever cannot be written, the run is resumed once there is space, with the same results."""
    out = tmp_path_factory.mktemp("runs")
    expected = descend.train(TREE, seeds=2, out=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", failing(7 + call))
        with pytest.raises(RunError, match="No space left on device") as caught:
            descend.train(TREE, seeds=2, out=out, checkpoint_seconds=0)
    assert caught.value.hint
    (folder,) = out.iterdir()
    assert not [path for path in folder.rglob("*") if path.name.startswith(".")]
    run = descend.resume(folder)
    assert torch.equal(run.stack.theta, expected.stack.theta)
    assert run.history_table.equals(expected.history_table)
    assert run.trace.equals(expected.trace)
    assert {path.name for path in folder.rglob("*")} == FILES


def test_what_cannot_be_trained_leaves_no_folder(tmp_path: Path) -> None:
    """Machines that refuse their inputs do so after the folder was made: it is removed."""
    tree = {
        "data": {"source": "moons", "scale": "standard"},
        "network": {"hidden": [3], "init": {"name": "rbm", "visible": "binary"}},
    }
    with pytest.raises(DataError, match="binary visible units"):
        descend.train(tree, out=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", b"{", "run.json must be JSON"),
        ("weights.safetensors", b"torn", "weights.safetensors must be a safetensors file"),
        ("recipe.toml", b"[data", "a recipe must be TOML"),
        ("preparation.json", b"{}", "a preparation must be JSON"),
    ],
)
def test_a_torn_file_is_named(
    run: descend.Run, tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """A folder that somebody changed is refused in one sentence."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in place(run).iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / name).write_bytes(content)
    with pytest.raises(descend.DescendError, match=message):
        descend.load_run(copy)


def test_torn_tables_are_named_when_they_are_looked_at(run: descend.Run, tmp_path: Path) -> None:
    """They are read when they are asked for; a large table must not slow `predict` down."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in place(run).iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "metrics.parquet").write_bytes(b"torn")
    (copy / "trace.parquet").unlink()
    read = descend.load_run(copy)
    with pytest.raises(RunError, match=r"metrics\.parquet must be a Parquet file"):
        read.history  # noqa: B018 - reading it is the test
    with pytest.raises(RunError, match=r"trace\.parquet must be a Parquet file"):
        read.trace  # noqa: B018


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    """Somebody edited recipe.toml: one sentence, not a fault deep inside."""
    training = training_of(tree_of("multiclass", optimizer="adam"), [1])
    watching = Watching(stop_at=5)
    training.run(watching)
    tree = tree_of("multiclass", optimizer="adam")
    tree["network"]["hidden"] = [7]
    session = Session(training_of(tree, [1]), None)
    with pytest.raises(RunError, match="the checkpoint must be one of this recipe"):
        session.load({**watching.saved[0], "seconds": torch.tensor(1.0)})


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    """Neither read nor resumed."""
    for verb in (descend.load_run, descend.resume):
        with pytest.raises(RunError, match="RUN must be the folder of a run"):
            verb(tmp_path)


def test_a_write_is_whole_or_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The old file stays, byte for byte, where the new one cannot be written."""
    path = tmp_path / "file.json"
    files.write_json(path, {"a": float("nan"), "b": [1.0, float("inf")], "c": "ü"})
    before = path.read_bytes()
    assert json.loads(before) == {"a": None, "b": [1.0, None], "c": "ü"}
    monkeypatch.setattr(os, "fsync", failing(1))
    with pytest.raises(RunError, match=r"file\.json must be writable in .*No space left"):
        files.write_json(path, {"new": 1})
    with pytest.raises(RunError, match=r"state\.safetensors must be writable"):
        files.write_tensors(tmp_path / "state.safetensors", {"a": torch.ones(3)})
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.json"]
    assert path.read_bytes() == before


def test_tensors_that_share_memory_are_written_in_full(tmp_path: Path) -> None:
    """Views of one tensor, transposed ones and empty ones come back as they were."""
    theta = torch.arange(12.0).view(3, 4)
    given = {"w": theta[:, :2], "t": theta.mT, "b": theta[:, 3:], "none": torch.empty(0, 3)}
    files.write_tensors(tmp_path / "x.safetensors", given)
    back = files.read_tensors(tmp_path / "x.safetensors")
    assert all(torch.equal(back[name], tensor) for name, tensor in given.items())
