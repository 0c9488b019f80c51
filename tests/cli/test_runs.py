"""`descend runs`: what lies below a folder, the broken included."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.command import Descend


def test_runs_are_listed_newest_first(descend: Descend) -> None:
    """A row shows folder, status, seeds, epochs, the main result and the age."""
    for arguments in (["moons", "--epochs", "3"], ["sine", "--seeds", "3", "--epochs", "1"]):
        folder = descend("train", *arguments).folder
        facts = json.loads((folder / "run.json").read_text())
        if "moons" in str(folder):
            facts["created"] = "2026-01-31T12:00:00+00:00"
            (folder / "run.json").write_text(json.dumps(facts))
    header, newest, oldest = descend("runs").out.splitlines()
    assert header.split() == ["run", "status", "seeds", "epochs", "result", "age"]
    assert "_sine_" in newest
    assert "3 from 0" in newest
    assert "test/rmse" in newest
    assert "_moons_" in oldest
    assert "test/accuracy 0." in oldest
    assert "days" in oldest


def test_json_lists_the_same(descend: Descend) -> None:
    """One document, a list of runs."""
    folder = descend("train", "moons", "--epochs", "2", "--seed", "4").folder
    (run,) = descend("runs", "--json").document
    assert (run["folder"], run["status"], run["seeds"]) == (str(folder), "finished", [4])
    assert (run["name"], run["epochs"], run["metric"]) == ("moons", 2, "test/accuracy")


def test_nothing_to_list_is_no_error(descend: Descend) -> None:
    """A new user has no ./runs yet; an empty folder has no runs."""
    assert descend("runs").code == 0
    assert "no runs below runs" in descend("runs").err
    assert descend("runs", "--json").document == []
    Path("empty").mkdir()
    assert descend("runs", "empty", "-q").err == ""


def test_a_run_is_a_list_of_one(descend: Descend, xor: Path) -> None:
    """DIR may be the folder of a run."""
    (run,) = descend("runs", xor, "--json").document
    assert run["status"] == "finished"


def test_broken_runs_are_listed_as_such(descend: Descend) -> None:
    """Whatever lies in a folder, the list is printed whole, and other folders are left out."""
    good = descend("train", "xor", "--epochs", "2").folder
    facts = json.loads((good / "run.json").read_text())
    contents = {
        "torn": '{"status": "fin',
        "list": "[]",
        "empty": "{}",
        "odd": json.dumps(facts | {"runs": [1]}),
        "dates": json.dumps(facts | {"created": "yesterday"}),
        "texts": json.dumps(facts | {"runs": [{"status": "finished", "metrics": {"a": "b"}}]}),
        "binary": "\0\1",
        "parts": json.dumps(facts),
    }
    for name, content in contents.items():
        folder = Path("runs") / name
        folder.mkdir()
        (folder / "recipe.toml").write_text("")
        (folder / "run.json").write_text(content)
    (Path("runs") / "folder").mkdir()
    (Path("runs") / "folder" / "run.json").mkdir()
    (Path("runs") / "stranger").mkdir()
    (Path("runs") / "file.txt").write_text("")
    (Path("runs") / ".hidden.tmp").mkdir()
    (Path("runs") / ".hidden.tmp" / "run.json").write_text("")
    listed = {Path(run["folder"]).name: run for run in descend("runs", "--json").document}
    assert set(listed) == {good.name, "folder", *contents}
    assert {name for name, run in listed.items() if run["status"] == "broken"} == {
        "folder",
        *contents,
    }
    assert "without preparation.json, weights.safetensors" in descend("runs").out
