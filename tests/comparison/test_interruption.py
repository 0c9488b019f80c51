"""A comparison that is stopped or killed at any moment ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars
import pytest

import descend
from descend.comparison.comparison import Comparison
from descend.comparison.folder import ComparisonFolder
from tests.comparison.conftest import Victim
from tests.comparison.victim import OPTIONS, TREE

KILLED = -signal.SIGKILL
SLOW = {"epochs": 400}  # a stack in a process of its own lasts for some tenths of a second

needs_proc = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks for processes in /proc"
)


@pytest.fixture(scope="module")
def whole(victim: Victim, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A comparison that was never interrupted: 8 → 4 → 2 → 1 variants."""
    out = tmp_path_factory.mktemp("whole")
    assert victim(out=out) == 0
    return the_only(out)


def the_only(out: Path) -> Path:
    """The only folder, without what a killed process had only begun to make."""
    (folder,) = (path for path in out.iterdir() if not path.name.startswith("."))
    return folder


def check_same(comparison: Path, whole: Path) -> None:
    """Weights, curves, traces and tables are those of the one that was never interrupted."""
    names = {path.relative_to(whole) for path in whole.rglob("*")}
    assert {path.relative_to(comparison) for path in comparison.rglob("*")} == names
    for name in sorted(names):
        mine, its = comparison / name, whole / name
        if name.suffix == ".safetensors":
            assert mine.read_bytes() == its.read_bytes(), name
        elif name.suffix == ".parquet":
            tables = [polars.read_parquet(path) for path in (mine, its)]
            timed = [column for column in tables[0].columns if "seconds" in column]
            one, other = (table.drop(set(timed) - {"pair_seconds"}) for table in tables)
            assert one.equals(other), name
        elif name.name == "run.json":
            facts, expected = (json.loads(path.read_text()) for path in (mine, its))
            for field in ("runs", "status", "seeds", "step"):
                assert facts.get(field) == expected.get(field), (name, field)
    facts, expected = (ComparisonFolder.open(path).read_facts() for path in (comparison, whole))
    for field in ("rounds", "goal", "variants", "status"):
        assert facts[field] == expected[field]
    assert facts["result"]["conclusion"] == expected["result"]["conclusion"]


@pytest.mark.parametrize("seed", range(5))
def test_a_comparison_that_is_killed_again_and_again_ends_the_same(
    seed: int, victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """SIGKILL around random writes: in rounds, between them, while stacks are joined."""
    chance = random.Random(seed)
    assert victim(out=tmp_path, hook=chance.randrange(40, 500)) == KILLED
    comparison = the_only(tmp_path)
    kills, code = 1, KILLED
    while code == KILLED:
        code = victim(comparison=comparison, hook=chance.randrange(20, 200))
        kills += 1
    assert code == 0
    assert kills > 2
    check_same(comparison, whole)


def test_a_kill_between_two_rounds_loses_nobody(
    victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """From the last steps of the first round to the first ones of the second."""
    # without checkpoints between, all moments are of the end of a round and of the next one
    out = tmp_path / "out"
    assert victim(out=out, told=4, signals=[signal.SIGINT]) == 0
    comparison = the_only(out)
    seen = set()
    for moment in range(4, 100, 13):
        copy = tmp_path / str(moment)
        shutil.copytree(comparison, copy)
        assert victim(comparison=copy, hook=moment, checkpoint_seconds=1000) == KILLED
        seen.add(len(ComparisonFolder.open(copy).read_facts()["rounds"]))
        assert victim(comparison=copy, checkpoint_seconds=1000) == 0
        check_same(copy, whole)
    assert seen == {1, 2}


def test_ctrl_c_stops_a_comparison_in_good_order(
    victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """In the first round and in a later one; it says so, and goes on."""
    for told in (4, 6, 14):
        out, said = tmp_path / str(told), tmp_path / f"said{told}"
        code = victim(out=out, told=told, signals=[signal.SIGINT], said=said)
        assert (code, said.read_text()) == (0, "interrupted\n")
        comparison = the_only(out)
        loaded = descend.load_comparison(comparison)
        assert loaded.status == "interrupted"
        assert any(row.verdict == "not trained to its end" for row in loaded.rows)
        assert loaded.table.height == 16
        assert loaded.summary.height == 8
        assert victim(comparison=comparison) == 0
        check_same(comparison, whole)


def test_a_second_ctrl_c_ends_it_at_once(victim: Victim, whole: Path, tmp_path: Path) -> None:
    """With the way to go on as its last words."""
    said = tmp_path / "said"
    two = [signal.SIGINT, signal.SIGINT]
    assert victim(out=tmp_path / "out", told=6, signals=two, said=said) == 130
    comparison = the_only(tmp_path / "out")
    assert said.read_text() == f"stopped at once; continue: descend resume {comparison}\n"
    assert victim(comparison=comparison) == 0
    check_same(comparison, whole)


def test_two_processes_cannot_work_on_one_comparison(
    victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """The second one is refused at once, in one sentence."""
    assert victim(out=tmp_path / "out", told=1, signals=[signal.SIGINT]) == 0
    comparison, said = the_only(tmp_path / "out"), tmp_path / "said"
    with ComparisonFolder.open(comparison).locked():
        assert victim(comparison=comparison, said=said) == 1
    assert said.read_text().startswith("COMPARISON must not be in training already")
    assert victim(comparison=comparison) == 0
    check_same(comparison, whole)


def test_a_full_disk_loses_nothing(victim: Victim, whole: Path, tmp_path: Path) -> None:
    """From any write on: one sentence, no failed rows, and it goes on where there is room again."""
    for moment in (20, 45, 90, 140):
        out, said = tmp_path / str(moment), tmp_path / f"said{moment}"
        assert victim(out=out, full=moment, said=said) == 1
        message = said.read_text()
        assert "must be writable" in message
        assert "No space left on device" in message
        assert len(message.splitlines()) == 2
        comparison = the_only(out)
        assert not [path for path in comparison.rglob("*") if path.name.startswith(".")]
        assert victim(comparison=comparison) == 0
        check_same(comparison, whole)


def test_a_full_disk_at_the_very_beginning_leaves_nothing(victim: Victim, tmp_path: Path) -> None:
    """No folder is begun where it cannot be finished."""
    said, out = tmp_path / "said", tmp_path / "out"
    assert victim(out=out, full=1, said=said) == 1
    assert "No space left on device" in said.read_text()
    assert list(out.iterdir()) == []


def test_a_finished_comparison_is_left_alone(whole: Path) -> None:
    """Resuming it reads it."""
    before = {path.name: path.stat().st_mtime_ns for path in whole.rglob("*")}
    comparison = descend.resume_comparison(whole)
    assert comparison.status == "finished"
    assert comparison.to_json() == descend.load_comparison(whole).to_json()
    assert {path.name: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.fixture
def interrupted(victim: Victim, tmp_path: Path) -> Path:
    """A comparison that Ctrl-C has stopped in its second round."""
    assert victim(out=tmp_path / "out", told=6, signals=[signal.SIGINT]) == 0
    return the_only(tmp_path / "out")


def test_a_comparison_json_that_is_torn_is_one_sentence(interrupted: Path) -> None:
    """Loaded or resumed: no JSON, no comparison, a field of another form."""
    file = interrupted / "comparison.json"
    good = json.loads(file.read_text())
    broken = [
        "{",
        "[]",
        json.dumps({name: value for name, value in good.items() if name != "rounds"}),
        json.dumps({**good, "variants": [1]}),
        json.dumps({**good, "variants": [{**good["variants"][0], "recipe": {"data": 1}}]}),
        json.dumps({**good, "goal": {"metric": "test/loss"}}),
        json.dumps({**good, "rounds": [{}]}),
    ]
    for text in broken:
        file.write_text(text)
        for verb in (descend.load_comparison, descend.resume_comparison):
            with pytest.raises(descend.RunError, match=r"comparison\.json must") as caught:
                verb(interrupted)
            assert len(str(caught.value).splitlines()) == 2
    file.write_text(json.dumps(good))
    assert descend.load_comparison(interrupted).status == "interrupted"


def test_a_folder_that_is_no_comparison_is_one_sentence(tmp_path: Path) -> None:
    """A missing one, an empty one."""
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(descend.RunError, match="COMPARISON must be the folder of a comparison"):
            descend.resume_comparison(path)


def test_a_stack_that_went_missing_is_trained_again_or_one_sentence(
    victim: Victim, whole: Path, tmp_path: Path
) -> None:
    """Again from where its networks came from; else there is nothing to go on from."""
    assert victim(out=tmp_path / "a", told=1, signals=[signal.SIGINT]) == 0
    comparison = the_only(tmp_path / "a")
    shutil.rmtree(comparison / "stacks" / "1-001")
    assert victim(comparison=comparison) == 0
    check_same(comparison, whole)
    said = tmp_path / "said"
    for missing, message in (("2-001", ""), ("1-001", "run.json must be")):
        out = tmp_path / missing
        assert victim(out=out, told=6, signals=[signal.SIGINT]) == 0
        comparison = the_only(out)
        shutil.rmtree(comparison / "stacks" / missing)
        assert victim(comparison=comparison, said=said) == bool(message)
        if message:
            assert message in said.read_text()
            assert len(said.read_text().splitlines()) == 2
        else:
            check_same(comparison, whole)


def test_a_checkpoint_that_is_torn_is_one_sentence(
    interrupted: Path, victim: Victim, tmp_path: Path
) -> None:
    """It is no reason to call the stack's networks failed."""
    checkpoint = interrupted / "stacks" / "2-001" / "checkpoint" / "state.safetensors"
    good = checkpoint.read_bytes()
    checkpoint.write_bytes(good[:100])
    said = tmp_path / "said"
    assert victim(comparison=interrupted, said=said) == 1
    assert "must be a safetensors file" in said.read_text()
    checkpoint.write_bytes(good)
    assert victim(comparison=interrupted) == 0


def workers(folder: Path | str = "") -> list[int]:
    """The processes that work on stacks below a folder."""
    found = []
    for place in Path("/proc").iterdir():
        try:
            arguments = (place / "cmdline").read_bytes().decode().split("\0")
        except (OSError, ValueError):
            continue
        if "descend.comparison.worker" in arguments and str(folder) in arguments[4]:
            found.append(int(place.name))
    return found


def are_gone_within(seconds: float, folder: Path) -> bool:
    """Whether no process works below a folder any more, or soon."""
    until = time.monotonic() + seconds
    while workers(folder):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory, victim: Victim) -> Path:
    """A comparison in two processes that was never interrupted."""
    out = tmp_path_factory.mktemp("crowd")
    assert victim(**CROWD, out=out) == 0
    return the_only(out)


CROWD: dict[str, Any] = {"options": {"processes": 2, "halving": None}, "training": SLOW}


@pytest.mark.slow
@needs_proc
def test_ctrl_c_is_passed_on_to_the_processes(victim: Victim, crowd: Path, tmp_path: Path) -> None:
    """They save what they have, and are gone when the comparison returns."""
    said = tmp_path / "said"
    out = tmp_path / "out"
    assert victim(**CROWD, out=out, told=4, signals=[signal.SIGINT], said=said) == 0
    assert said.read_text() == "interrupted\n"
    assert workers(out) == []
    comparison = the_only(out)
    assert not (comparison / "data.safetensors").exists()
    assert list(comparison.rglob("state.safetensors"))
    assert victim(comparison=comparison) == 0
    check_same(comparison, crowd)


@needs_proc
def test_a_second_ctrl_c_ends_the_processes_at_once(victim: Victim, tmp_path: Path) -> None:
    """No process stays, and no copy of the data."""
    said, out = tmp_path / "said", tmp_path / "out"
    two = [signal.SIGINT, signal.SIGINT]
    assert victim(**CROWD, out=out, told=4, signals=two, said=said) == 130
    comparison = the_only(out)
    assert said.read_text() == f"stopped at once; continue: descend resume {comparison}\n"
    assert workers(out) == []
    assert not list(comparison.glob("*data*"))
    assert descend.load_comparison(comparison).status == "running"


@pytest.mark.slow
@needs_proc
def test_processes_whose_comparison_is_killed_end_by_themselves(
    victim: Victim, crowd: Path, tmp_path: Path
) -> None:
    """And whoever goes on at once waits for them."""
    out = tmp_path / "out"
    assert victim(**CROWD, out=out, told=4, signals=[signal.SIGKILL]) == KILLED
    comparison = the_only(out)
    assert victim(comparison=comparison) == 0
    assert are_gone_within(5, out)
    check_same(comparison, crowd)


def compare_in_processes(out: Path, tell: Callable[[Any], None], **changed: Any) -> Comparison:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("descend.comparison.plan.WORTH_SPLITTING", 0.0)
        tree = {**TREE, "training": {**TREE["training"], **SLOW}}
        options = {**OPTIONS, **CROWD["options"], "out": out, **changed}
        return descend.compare(tree, tell=lambda *_: tell, **options)


@pytest.mark.slow
@needs_proc
def test_a_process_that_is_killed_has_its_stack_tried_again(crowd: Path, tmp_path: Path) -> None:
    """Once is an accident: the result is the same."""
    killed: list[int] = []

    def kill(advance: Any) -> None:
        if not killed:
            killed.extend(workers(tmp_path)[:1])
            os.kill(killed[0], signal.SIGKILL)

    comparison = compare_in_processes(tmp_path, kill)
    assert len(killed) == 1
    assert comparison.folder is not None
    check_same(comparison.folder, crowd)


@needs_proc
@pytest.mark.parametrize("seeds", [2, 1])
def test_a_stack_whose_process_is_killed_twice_is_trained_in_halves(
    seeds: int, tmp_path: Path
) -> None:
    """As for want of memory, of which this is the usual end; a single network is a failed row."""
    killed: set[int] = set()

    def kill(advance: Any) -> None:
        if advance.stack == "1-001" and len(killed) < 2:
            folder = the_only(tmp_path)
            holder = holder_of(folder / "stacks" / "1-001" / "recipe.toml")
            if holder is not None and holder not in killed:
                killed.add(holder)
                os.kill(holder, signal.SIGKILL)

    variants = {"vary": {"training.lr": [0.1, 0.01]}} if seeds == 1 else {}
    comparison = compare_in_processes(tmp_path, kill, seeds=seeds, **variants)
    assert len(killed) == 2
    assert comparison.status == "finished"
    assert workers(tmp_path) == []
    if seeds > 1:
        assert {"1-001a", "1-001b", "1-002"} <= {one.stack for one in comparison.results}
        assert "failed" not in {one.status for one in comparison.results}
        assert "memory did not suffice for a stack" in comparison.notes[0]
        return
    failed = [one for one in comparison.results if one.status == "failed"]
    assert {one.stack for one in failed} == {"1-001"}
    reason = "its process ended: killed, perhaps because memory did not suffice"
    assert {one.reason for one in failed} == {reason}
    others = [row for row in comparison.rows if row.summary is not None]
    assert others
    assert any(row.verdict == f"failed: {reason}" for row in comparison.rows)


def holder_of(path: Path) -> int | None:
    """The process that has a file open."""
    for worker in workers():
        for descriptor in Path(f"/proc/{worker}/fd").iterdir():
            try:
                if descriptor.readlink() == path:
                    return worker
            except OSError:
                continue
    return None


@needs_proc
def test_a_process_that_cannot_begin_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last words are the reason of the failed rows."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "safetensors.py").write_text("raise ImportError('no safetensors here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    comparison = compare_in_processes(tmp_path / "out", lambda _: None)
    assert comparison.status == "finished"
    assert {one.reason for one in comparison.results} == {
        "its process ended: ImportError: no safetensors here"
    }
    assert comparison.conclusion.startswith("Nothing can be compared: no variant was trained")


@needs_proc
def test_a_full_disk_in_a_process_ends_the_comparison_in_one_sentence(tmp_path: Path) -> None:
    """What a process could not write fails no row: it goes on where there is room again."""

    def fill(advance: Any) -> None:
        for stack in (the_only(tmp_path) / "stacks").iterdir():
            if not stack.name.startswith("."):
                metrics = stack / "metrics.parquet"
                if not metrics.exists():
                    metrics.mkdir()  # a folder in its place cannot be replaced by a file
                    (metrics / "x").touch()

    with pytest.raises(descend.RunError, match=r"metrics\.parquet must be writable"):
        compare_in_processes(tmp_path, fill)
    assert workers(tmp_path) == []
    comparison = descend.load_comparison(the_only(tmp_path))
    assert comparison.status == "running"
    assert "failed" not in {one.status for one in comparison.results}
