"""Worker: a process that trains the stacks of a comparison whose names it is told.

    python -m descend.comparison.worker FOLDER

It reads names of stacks from stdin, a line each, and writes what happens as lines of JSON to
stdout. The line "stop", or the end of stdin because whoever asked is gone, stops it in good order.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import Any

from descend.comparison.folder import ComparisonFolder
from descend.comparison.stacks import work
from descend.data.examples import Examples
from descend.data.preparation import Preparation
from descend.data.shared import read_shared
from descend.errors import DescendError
from descend.runs.folder import RunFolder
from descend.training.progress import Progress

STOP = "stop"
TOLD_EVERY = 0.2  # seconds


class Worker:
    """Trains one stack after the other, from examples that all workers map into their memory."""

    def __init__(self, folder: ComparisonFolder) -> None:
        self.folder = folder
        self.stop = threading.Event()
        self.names: SimpleQueue[str | None] = SimpleQueue()
        self.examples: dict[str, Examples] = {}
        self.told = 0.0
        self.name = ""

    def listen(self) -> None:
        """Take names until there are no more."""
        for line in sys.stdin:
            if line.strip() == STOP:
                break
            self.names.put(line.strip())
        self.stop.set()
        self.names.put(None)

    def run(self) -> None:
        """Work until asked to stop."""
        threading.Thread(target=self.listen, daemon=True).start()
        while (name := self.names.get()) is not None and not self.stop.is_set():
            self.name = name
            try:
                status = work(self.folder, name, self.examples_for, self.tell, self.stop.is_set)
                say({"stack": name, "status": status})
            except DescendError as error:
                say({"stack": name, "error": error.message, "hint": error.hint})

    def examples_for(self, stack: RunFolder) -> Examples:
        """The shared examples, prepared as the stack asks."""
        text = stack.preparation.read_text(encoding="utf-8")
        if text not in self.examples:
            self.examples[text] = read_shared(self.folder.data, Preparation.from_json(text))
        return self.examples[text]

    def tell(self, progress: Progress) -> None:
        """Say how far the stack is, but not more often than anybody looks."""
        if perf_counter() - self.told < TOLD_EVERY:
            return
        self.told = perf_counter()
        names = ("step", "steps", "loss", "epoch", "epochs")
        said = {name: getattr(progress, name) for name in names}
        said["loss"] = said["loss"] if said["loss"] == said["loss"] else None
        say({"stack": self.name, **said})


def say(document: dict[str, Any]) -> None:
    """Write one line of JSON; whoever does not listen any more will be noticed at stdin."""
    try:
        sys.stdout.write(json.dumps(document) + "\n")
        sys.stdout.flush()
    except OSError:
        pass


if __name__ == "__main__":
    Worker(ComparisonFolder(Path(sys.argv[1]))).run()
