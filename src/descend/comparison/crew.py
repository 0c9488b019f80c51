"""Crew: the processes that train the stacks of a comparison, this one or several others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryFile
from typing import IO, Any

import descend
from descend.comparison.folder import ComparisonFolder
from descend.comparison.stacks import (
    TOO_LARGE,
    Advance,
    ExamplesFor,
    Stop,
    TellAdvance,
    fail,
    is_done,
    work,
)
from descend.comparison.worker import STOP
from descend.data.shared import write_shared
from descend.errors import RunError
from descend.runs import files
from descend.training.progress import Progress

LOOK_EVERY = 0.1  # seconds from one look at Ctrl-C to the next
TRIES = 2  # of a stack whose process has died


def train_here(
    folder: ComparisonFolder,
    names: Sequence[str],
    examples_for: ExamplesFor,
    tell: TellAdvance,
    stop: Stop,
) -> None:
    """Train these stacks in this process, one after the other, until asked to stop."""
    for name in names:
        if stop() or is_done(folder, name):
            continue

        def tell_of(progress: Progress, name: str = name) -> None:
            tell(_advance(name, vars(progress)))

        work(folder, name, examples_for, tell_of, stop)


def train_in_processes(
    folder: ComparisonFolder,
    names: Sequence[str],
    examples_for: ExamplesFor,
    tell: TellAdvance,
    stop: Stop,
    processes: int,
) -> None:
    """Train these stacks in processes of their own, which share one copy of the examples."""
    waiting = [name for name in names if not is_done(folder, name)]
    if not waiting:
        return
    with files.replacing(folder.data) as path:
        write_shared(path, examples_for(folder.stack(waiting[0])))
    try:
        _Crew(folder, waiting, tell, stop).run(min(processes, len(waiting)))
    finally:
        folder.data.unlink(missing_ok=True)


class _Crew:
    """The processes at work; error: of a stack whose folder cannot be read or written."""

    def __init__(
        self, folder: ComparisonFolder, waiting: list[str], tell: TellAdvance, stop: Stop
    ) -> None:
        self.folder, self.waiting = folder, waiting
        self.tell, self.stop = tell, stop
        self.members: list[_Member] = []
        self.said: SimpleQueue[tuple[_Member, dict[str, Any] | None]] = SimpleQueue()
        self.tries = dict.fromkeys(waiting, 0)
        self.error: RunError | None = None
        self.is_stopping = False

    def run(self, count: int) -> None:
        """Keep `count` processes busy until nothing is left to do."""
        try:
            for _ in range(count):
                self._hire()
            while any(member.name for member in self.members):
                if not self.is_stopping and (self.error or self.stop()):
                    self.is_stopping = True
                    self.waiting.clear()
                    for member in self.members:
                        member.send(STOP)
                with suppress(Empty):
                    self._hear(*self.said.get(timeout=LOOK_EVERY))
        finally:
            for member in self.members:
                member.end()
        if self.error:
            raise self.error

    def _hire(self) -> None:
        member = _Member(self.folder, self.said)
        self.members.append(member)
        self._occupy(member)

    def _occupy(self, member: _Member) -> None:
        member.name = self.waiting.pop(0) if self.waiting else None
        if member.name:
            self.tries[member.name] += 1
            member.send(member.name)

    def _hear(self, member: _Member, said: dict[str, Any] | None) -> None:
        if said is None:
            self._bury(member)
        elif "error" in said:
            self.error = RunError(said["error"], said["hint"])
            member.name = None
        elif "status" in said:
            self._occupy(member)
        else:
            self.tell(_advance(said["stack"], said))

    def _bury(self, member: _Member) -> None:
        """A process has ended: its stack is tried once more, in another one."""
        name, reason = member.name, member.last_words()
        self.members.remove(member)
        member.end()
        if name is None or self.is_stopping or self.stop():  # it may have had no time to begin
            return
        if self.tries[name] < TRIES:
            self.waiting.insert(0, name)
        else:
            status = TOO_LARGE if member.was_killed else "failed"
            fail(self.folder.stack(name), f"its process ended: {reason}", status)
        if self.waiting:
            self._hire()


class _Member:
    """One process, and the stack that it works on."""

    def __init__(
        self,
        folder: ComparisonFolder,
        said: SimpleQueue[tuple[_Member, dict[str, Any] | None]],
    ) -> None:
        self.name: str | None = None
        self.errors: IO[bytes] = TemporaryFile()  # noqa: SIM115 (closed in `end`)
        home = str(Path(descend.__file__).parent.parent)
        places = [home, os.environ.get("PYTHONPATH")]
        self.process = subprocess.Popen(
            # -P: what lies in the present folder is none of its modules
            [sys.executable, "-P", "-m", "descend.comparison.worker", str(folder.path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={
                **os.environ,
                "OMP_NUM_THREADS": "1",
                "PYTHONPATH": os.pathsep.join(filter(None, places)),
            },
            start_new_session=True,  # Ctrl-C is for this process, which passes it on once
        )
        self.listener = threading.Thread(target=self._listen, args=(said,), daemon=True)
        self.listener.start()

    def _listen(self, said: SimpleQueue[tuple[_Member, dict[str, Any] | None]]) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with suppress(ValueError):
                said.put((self, json.loads(line)))
        said.put((self, None))

    def send(self, line: str) -> None:
        """Tell the process something; one that has died is noticed elsewhere."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    @property
    def was_killed(self) -> bool:
        """Whether a process that has ended did so as the system ends one for want of memory."""
        return self.process.wait() == -9

    def last_words(self) -> str:
        """What a process that has ended says of it."""
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        if self.was_killed:
            return "killed, perhaps because memory did not suffice"
        return lines[-1] if lines else f"exit code {code}"

    def end(self) -> None:
        """Nothing that the process does is of use any more: what it said is on the disk."""
        self.process.kill()
        self.process.wait()
        self.listener.join()
        for pipe in (self.process.stdin, self.process.stdout, self.errors):
            assert pipe is not None
            with suppress(OSError):  # what was written to a dead process
                pipe.close()


def _advance(name: str, said: dict[str, Any]) -> Advance:
    loss = float("nan") if said["loss"] is None else said["loss"]
    return Advance(name, said["step"], said["steps"], loss, said["epoch"], said["epochs"])
