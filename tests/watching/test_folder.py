"""What was seen of a loop is kept in a folder, whole or not at all, and is told again."""

from __future__ import annotations

import json
from pathlib import Path

import polars
import pytest
import torch
from torch.nn import functional

import descend
from descend.diagnosis.examination import Examination
from descend.findings.finding import Finding
from descend.runs.listing import read_listed
from descend.watching import folder as folders
from descend.watching import watch as watches
from descend.watching.telling import Telling
from descend.watching.watch import Watch
from tests.cli.command import assert_fails, descend_here
from tests.watching.scenes import batch, mlp

FILES = ["findings.json", "metrics.parquet", "run.json", "trace.parquet"]


def sick(out: Path | None, steps: int = 60, **options: bool) -> Watch:
    """A loop that never sets its gradients to zero, watched."""
    scene = mlp()
    watch = descend.watch(scene.model, scene.optimizers, every=2, out=out, name="My net", **options)
    with watch:
        for number in range(steps):
            x, y = batch(number)
            functional.cross_entropy(scene.model(x), y).backward()
            scene.optimizers[0].step()
    return watch


def test_the_folder_holds_what_was_seen(tmp_path: Path) -> None:
    watch = sick(tmp_path, quiet=True)
    assert watch.folder is not None
    assert watch.folder.parent == tmp_path
    assert "_my-net_" in watch.folder.name
    assert sorted(path.name for path in watch.folder.iterdir()) == FILES
    facts = json.loads((watch.folder / "run.json").read_text())
    assert (facts["kind"], facts["name"], facts["status"]) == ("watched", "My net", "finished")
    assert facts["steps"] == facts["loop"]["backwards"] == 60
    trace = polars.read_parquet(watch.folder / "trace.parquet")
    assert trace.equals(watch.observer.seen.trace())
    metrics = polars.read_parquet(watch.folder / "metrics.parquet")
    assert metrics["step"].to_list() == list(range(60))
    written = json.loads((watch.folder / "findings.json").read_text())
    assert watch.examination is not None
    assert written == json.loads(json.dumps(watch.examination.to_json()))
    assert written["findings"][0]["code"] == "D220"


def test_nothing_is_written_where_nothing_is_wanted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sick(None, quiet=True).folder is None
    assert list(tmp_path.iterdir()) == []


def test_an_examination_is_read_as_it_was_written() -> None:
    examination = sick(None, quiet=True).examination
    assert examination is not None
    document = json.loads(json.dumps(examination.to_json()))
    again = Examination.from_json(document)
    assert again.to_json() == document
    assert again.summary == examination.summary
    assert [str(one.place) for one in again.findings] == [
        str(one.place) for one in examination.findings
    ]


def test_a_watched_run_is_listed_and_diagnosed_again(tmp_path: Path) -> None:
    watch = sick(tmp_path, quiet=True)
    listed = descend_here("runs", tmp_path, "--json").document
    assert [(one["name"], one["status"]) for one in listed] == [("My net", "finished")]
    assert listed[0]["metric"] == "train/loss"
    told = descend_here("diagnose", watch.folder)
    assert told.code == 2
    assert told.out.startswith("D220 missing-zero-grad")
    document = descend_here("diagnose", watch.folder, "--json").document
    assert document["findings"][0]["code"] == "D220"
    assert document["run"] == str(watch.folder)


@pytest.mark.parametrize("verb", ["resume", "predict", "evaluate"])
def test_a_watched_run_has_no_network_to_go_on_with(tmp_path: Path, verb: str) -> None:
    folder = sick(tmp_path, quiet=True).folder
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    told = descend_here(verb, folder, *([] if verb == "resume" else [table]))
    assert_fails(told, "is of a loop that was watched", "descend diagnose")


def test_a_folder_is_listed_as_running_while_it_is_watched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "FIRST_LOOK", 0.0)
    monkeypatch.setattr(watches, "LOOKS", 1e9)
    scene = mlp()
    watch = descend.watch(scene.model, every=1, out=tmp_path, quiet=True).start()
    scene.run(3)
    assert watch.folder is not None
    assert sorted(path.name for path in watch.folder.iterdir()) == FILES
    assert read_listed(watch.folder).status == "running"
    scene.run(3)
    watch.stop()
    assert read_listed(watch.folder).status == "finished"
    facts = json.loads((watch.folder / "run.json").read_text())
    del facts["status"]
    (watch.folder / "run.json").write_text(json.dumps({**facts, "status": "running"}))
    assert read_listed(watch.folder).status == "unfinished"


def test_a_folder_that_cannot_be_written_ends_the_watch_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "file"
    place.write_text("")
    watch = sick(place)
    assert watch.failure is not None
    assert "`--out` must be a folder" in capsys.readouterr().err
    assert watch.findings[0].code == "D220"


def test_what_is_not_of_a_watch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(descend.RunError, match="of a watched loop"):
        folders.read_examination(tmp_path)
    (tmp_path / "run.json").write_text('{"kind": "watched"}')
    (tmp_path / "findings.json").write_text("{}")
    with pytest.raises(descend.RunError, match="must be what descend wrote"):
        folders.read_examination(tmp_path)


def test_each_finding_is_told_once_as_soon_as_it_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watches, "FIRST_LOOK", 0.0)
    monkeypatch.setattr(watches, "LOOKS", 1e9)
    watch = sick(None)
    said = capsys.readouterr()
    assert said.out == ""
    live = [line for line in said.err.splitlines() if line.startswith("step ")]
    assert [line.split()[2] for line in live if "D220" in line] == ["D220"]
    assert "nothing sets the gradient to zero" in live[0]
    assert watch.examination is not None
    assert said.err.splitlines()[-1] == watch.examination.summary
    codes = [line.split()[2] for line in live]
    assert len(codes) == len(set(codes))


def test_what_is_only_forecast_is_told_as_a_forecast(capsys: pytest.CaptureFixture[str]) -> None:
    """Until something is seen to come of it."""
    came = Finding("loss at chance", "it does not fall", code="D206", severity="error")
    told = Finding("spread 900", "too large", code="D130", name="unscaled-inputs", severity="error")
    Telling(quiet=False).tell(12, [told])
    Telling(quiet=False).tell(12, [told.with_consequences([came])])
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "step 12: D130 unscaled-inputs (forecast)   spread 900; too large",
        "step 12: D130 unscaled-inputs   spread 900; too large",
    ]


def test_a_quiet_watch_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    sick(None, quiet=True)
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", "")


def test_the_summary_is_that_of_descend_diagnose(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watch = sick(tmp_path)
    *lines, last = capsys.readouterr().err.splitlines()
    assert last == f"run: {watch.folder}"
    told = descend_here("diagnose", watch.folder).out.splitlines()
    assert [" ".join(" ".join(lines).split())] == [" ".join(" ".join(told).split())]


def test_an_interrupted_loop_has_stopped_early() -> None:
    scene = mlp()
    watch = descend.watch(scene.model, every=1, out=None, quiet=True)
    with pytest.raises(KeyboardInterrupt), watch:  # noqa: PT012, the loop is the claim
        scene.run(3)
        raise KeyboardInterrupt
    assert watch.status == "stopped early"
    assert torch.autograd.backward.__module__ == "torch.autograd"
