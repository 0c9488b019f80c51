"""`descend resume`, and what Ctrl-C and kill -9 leave."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from descend.runs.folder import RunFolder
from descend.runs.listing import list_runs
from tests.cli.command import Descend

if TYPE_CHECKING:
    from descend.training.progress import Progress

LONG = ("train", "moons", "--epochs", "12", "--seed", "3")


class Impatient:
    """Presses Ctrl-C `times` times, once it is told that `epoch` is reached."""

    def __init__(self, epoch: int, times: int) -> None:
        self.epoch, self.times = epoch, times

    def __call__(self, progress: Progress) -> None:
        if progress.epoch >= self.epoch:
            times, self.times = self.times, 0
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    def end(self) -> None: ...


@pytest.fixture
def interrupting(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Lets an impatient person watch the next training."""
    from descend.cli import progress

    def arrange(epoch: int, times: int) -> None:
        person = Impatient(epoch, times)

        @contextmanager
        def telling(quiet: bool) -> Iterator[Impatient]:
            yield person

        monkeypatch.setattr(progress, "telling", telling)

    return arrange


def test_ctrl_c_ends_in_good_order_and_the_run_can_be_resumed(
    descend: Descend, interrupting: Callable[[int, int], None]
) -> None:
    """Exit 130, the way on is said, and what comes of it is what an uninterrupted run gives."""
    whole = descend(*LONG, "--json").document
    interrupting(5, 1)
    told = descend(*LONG, "--out", "cut")
    assert (told.code, told.out) == (130, "")
    assert told.err.startswith("interrupted after epoch ")
    assert "of 12; continue with: descend resume cut" in told.err
    folder = Path(told.err.split()[-1])
    (listed,) = descend("runs", "cut", "--json").document
    assert listed["status"] == "interrupted"
    assert told.err.startswith(f"interrupted after epoch {listed['epochs']} of 12")
    row = descend("runs", "cut").out.splitlines()[1].split()
    assert row[:4] == [str(folder), "interrupted", "3", str(listed["epochs"])]
    resumed = descend("resume", folder, "--json", "-q").document
    assert resumed["history"] == whole["history"]
    assert resumed["metrics"] == whole["metrics"]
    assert (resumed["status"], resumed["run"]) == ("finished", str(folder))


def test_ctrl_c_with_json_still_prints_the_document(
    descend: Descend, interrupting: Callable[[int, int], None]
) -> None:
    """The document's status says what happened; stderr says how to go on, even with -q."""
    interrupting(2, 1)
    told = descend(*LONG, "--json", "-q")
    assert told.code == 130
    assert told.document["status"] == "interrupted"
    assert f"continue with: descend resume {told.document['run']}" in told.err


def test_a_second_ctrl_c_ends_at_once(
    descend: Descend, interrupting: Callable[[int, int], None]
) -> None:
    """Nothing more is computed; the folder is said, and can be resumed."""
    interrupting(2, 2)
    told = descend(*LONG)
    assert (told.code, told.out) == (130, "")
    assert "stopped at once; continue from the start: descend resume" in told.err
    assert descend("resume", told.err.split()[-1], "-q").code == 0


Interrupts = Callable[[int], None]


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> Interrupts:
    """Lets a person press Ctrl-C so often as soon as there is a folder, before the first step."""
    locked = RunFolder.locked

    def arrange(times: int) -> None:
        @contextmanager
        def interrupted(folder: RunFolder) -> Iterator[None]:
            with locked(folder):
                for _ in range(times):
                    signal.raise_signal(signal.SIGINT)
                yield

        monkeypatch.setattr(RunFolder, "locked", interrupted)

    return arrange


def test_ctrl_c_before_the_first_step_says_how_to_go_on(
    descend: Descend, hasty: Interrupts
) -> None:
    """The run ends in good order as soon as it has begun."""
    whole = descend(*LONG, "--json").document
    hasty(1)
    told = descend(*LONG)
    assert (told.code, told.out) == (130, "")
    assert "; continue with: descend resume runs" in told.err
    hasty(0)
    resumed = descend("resume", told.err.split()[-1], "--json", "-q").document
    assert resumed["history"] == whole["history"]


def test_two_ctrl_c_before_the_first_step_say_how_to_go_on(
    descend: Descend, hasty: Interrupts
) -> None:
    """The run ends at once, and begins when it is resumed."""
    hasty(2)
    told = descend(*LONG)
    assert (told.code, told.out) == (130, "")
    assert "stopped at once; continue from the start: descend resume runs" in told.err
    hasty(0)
    assert descend("resume", told.err.split()[-1], "-q").code == 0


def test_ctrl_c_while_the_data_are_loaded_again_says_how_to_go_on(
    descend: Descend, interrupting: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is resumed can be resumed again."""
    interrupting(2, 1)
    folder = descend(*LONG).err.split()[-1]

    def load(*arguments: object) -> None:
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("descend.api.same_examples", load)
        told = descend("resume", folder)
    assert told.code == 130
    message = f"stopped at once; continue from the last checkpoint: descend resume {folder}"
    assert told.err.strip() == message
    assert descend("resume", folder, "-q").code == 0


def test_ctrl_c_in_a_lab_ends_it(
    descend: Descend, interrupting: Callable[[int, int], None]
) -> None:
    """The variants that are left are not trained; the interrupted one can be resumed."""
    interrupting(2, 1)
    told = descend("lab", "gates", "--epochs", "600")
    assert told.code == 130
    assert "interrupted after epoch" in told.err
    assert "descend resume runs" in told.err
    assert len(list(Path("runs").iterdir())) == 1


def test_ctrl_c_in_the_last_steps_of_a_variant_ends_the_lab(
    descend: Descend, interrupting: Callable[[int, int], None]
) -> None:
    """What could be finished is; the variants that are left are not trained, and that is said."""
    interrupting(600, 1)
    told = descend("lab", "gates", "--epochs", "600")
    assert told.code == 130
    assert told.err == "1 of 3: AND\ninterrupted after AND, which is finished: 2 variants left\n"
    (listed,) = descend("runs", "--json").document
    assert (listed["status"], listed["epochs"]) == ("finished", 600)


def test_ctrl_c_in_the_last_steps_of_all_is_too_late(
    descend: Descend, interrupting: Callable[[int, int], None]
) -> None:
    """Where nothing is left to do, the result is shown as always."""
    interrupting(40, 1)
    told = descend("lab", "perceptron-xor", "--epochs", "40")
    assert told.code == 0
    assert "not comparable" in told.out


def test_resume_of_a_finished_run_shows_it(descend: Descend, xor: Path) -> None:
    """Nothing is left to continue, which is no error."""
    told = descend("resume", xor)
    assert told.code == 0
    assert told.err == "this run is finished: nothing is left to continue\n"
    assert "300 epochs in" in told.out
    assert descend("resume", xor, "--json", "-q").document["status"] == "finished"


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Runs `descend ARGUMENTS…` as a process of its own, which ends with the test."""
    with ExitStack() as stack:

        def begin(*arguments: object) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, "-m", "descend", *map(str, arguments)],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            stack.enter_context(process)
            stack.callback(process.kill)
            return process

        yield begin


def wait_for(process: subprocess.Popen[str], is_there: Callable[[], list[Path]]) -> Path:
    """The first path that is there; the process must live until then."""
    for _ in range(1500):
        if found := is_there():
            return found[0]
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    raise AssertionError("nothing was there in 30 seconds")


def running() -> list[Path]:
    """The runs that are in training."""
    found = list_runs("runs") if Path("runs").is_dir() else []
    return [run.folder for run in found if run.status == "running"]


ENDLESS = ("train", "digits", "--epochs", "100000")


def test_sigint_to_the_process(descend: Descend, start: Start) -> None:
    """A real SIGINT ends a real process with 130, its message last."""
    process = start(*ENDLESS)
    folder = wait_for(process, running)
    assert f"{folder}  running" in descend("runs").out
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1].endswith(f"continue with: descend resume {folder}")


@pytest.mark.slow
def test_kill_9_and_resume(descend: Descend, start: Start) -> None:
    """A killed run is listed as unfinished, and then ends as if nothing had happened."""
    arguments = ("train", "digits", "--epochs", "90", "--json")
    whole = start(*arguments, "--out", "whole")
    process = start(*arguments)
    folder = wait_for(process, running)
    process.send_signal(signal.SIGKILL)
    out, _ = process.communicate(timeout=30)
    assert out == ""
    assert f"{folder}  unfinished" in descend("runs").out
    out, err = start("resume", folder, "--json").communicate(timeout=60)
    resumed = json.loads(out)
    assert resumed["status"] == "finished", err
    expected = json.loads(whole.communicate(timeout=60)[0])
    for name in ("metrics", "history"):
        assert resumed[name] == expected[name]


def test_a_reader_that_leaves_early_is_no_error(descend: Descend) -> None:
    """`descend … | head -1`: no traceback, no complaint, and the run is whole."""
    command = f"{sys.executable} -m descend train xor --seeds 8 --epochs 20 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.startswith("xor · ")
    assert "rror" not in done.stderr
    assert "  finished  " in descend("runs").out


def test_a_reader_of_stderr_that_leaves_does_not_end_the_training(descend: Descend) -> None:
    """`descend … 2>&1 >file | true`: talk that nobody hears is no reason to stop."""
    command = f"{sys.executable} -m descend lab gates --epochs 20 2>&1 >out.txt | true"
    subprocess.run(command, shell=True, timeout=60, check=True)
    assert "run: runs" in Path("out.txt").read_text()


def test_stdout_that_is_full_is_an_error(descend: Descend) -> None:
    """What cannot be written is said."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = f"{sys.executable} -m descend schema > /dev/full"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the system refused: No space left on device")
    assert "Traceback" not in done.stderr
