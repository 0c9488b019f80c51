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
    def __init__(
        self, folder: ComparisonFolder, waiting: list[str], tell: TellAdvance, stop: Stop
    ) -> None:
        self.folder, self.waiting = folder, waiting
        self.tell, self.stop = tell, stop
        self.said: SimpleQueue[tuple[_Member, dict[str, Any] | None]] = SimpleQueue()
        self.tries = dict.fromkeys(waiting, 0)

    def run(self, count: int) -> None:
        """Keep `count` processes busy until nothing is left to do."""
        members = [_Member(self.folder, self.said) for _ in range(count)]
        is_asked = False
        try:
            for member in members:
                self._occupy(member)
            while any(member.name for member in members):
                if not is_asked and self.stop():
                    is_asked = True
                    self.waiting.clear()
                    for member in members:
                        member.send(STOP)
                with suppress(Empty):
                    members = self._hear(members, *self.said.get(timeout=LOOK_EVERY))
        finally:
            for member in members:
                member.end(at_once=any(member.name for member in members))

    def _occupy(self, member: _Member) -> None:
        member.name = self.waiting.pop(0) if self.waiting else None
        if member.name:
            self.tries[member.name] += 1
            member.send(member.name)

    def _hear(
        self, members: list[_Member], member: _Member, said: dict[str, Any] | None
    ) -> list[_Member]:
        if said is not None and "status" not in said:
            self.tell(_advance(said["stack"], said))
            return members
        if said is not None:
            self._occupy(member)
            return members
        if member.name is None:
            return members
        name, reason = member.name, member.last_words()
        member.name = None
        if self.stop():  # it stopped before it had begun
            return members
        if self.tries[name] < TRIES:
            self.waiting.insert(0, name)
        else:
            fail(self.folder.stack(name), f"its process ended: {reason}")
        if not self.waiting:
            return members
        successor = _Member(self.folder, self.said)
        self._occupy(successor)
        return [successor if one is member else one for one in members]


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
            [sys.executable, "-m", "descend.comparison.worker", str(folder.path)],
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
        threading.Thread(target=self._listen, args=(said,), daemon=True).start()

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

    def last_words(self) -> str:
        """What a process that has ended says of it."""
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        if code == -9:
            return "killed, perhaps because memory did not suffice"
        return lines[-1] if lines else f"exit code {code}"

    def end(self, at_once: bool) -> None:
        """The process has nothing left to do."""
        assert self.process.stdin is not None
        if at_once:
            self.process.kill()
        with suppress(OSError):
            self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def _advance(name: str, said: dict[str, Any]) -> Advance:
    loss = float("nan") if said["loss"] is None else said["loss"]
    return Advance(name, said["step"], said["steps"], loss, said["epoch"], said["epochs"])
