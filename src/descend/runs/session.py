"""Session: a training that writes its folder, and that Ctrl-C ends in good order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from types import FrameType
from typing import Any

import torch
from torch import Tensor

from descend.recipe import Recipe
from descend.runs import files
from descend.runs.folder import RunFolder
from descend.runs.weights import named_weights
from descend.training.training import Progress, Training

CHECKPOINT_SECONDS = 10.0

Tell = Callable[[Progress], None]


class Session:
    """Watches a training: saves it every now and then, stops it when asked, writes its results.

    folder None: everything stays in memory.
    """

    def __init__(
        self,
        training: Training,
        folder: RunFolder | None,
        tell: Tell | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
    ) -> None:
        self.training, self.folder = training, folder
        self.telling = tell
        self.checkpoint_seconds = checkpoint_seconds
        self.seconds_before = 0.0
        self.is_asked_to_stop = False

    def run(self) -> str:
        """Train to the end or until asked to stop; returns the status of the run."""
        self.began = self.saved = perf_counter()
        with _stopping_on_interrupt(self._ask_to_stop):
            is_finished = self.training.run(self)
        status = status_of(self.training.status) if is_finished else "interrupted"
        self.seconds = self.seconds_before + perf_counter() - self.began
        if self.folder is not None:
            if is_finished:
                self._write_results(self.folder)
            self._update_facts(self.folder, status)
            if is_finished:
                self.folder.drop_checkpoint()
        return status

    def tell(self, progress: Progress) -> None:
        if self.telling is not None:
            self.telling(progress)

    def wants_checkpoint(self) -> bool:
        return self.folder is not None and perf_counter() - self.saved >= self.checkpoint_seconds

    def wants_to_stop(self) -> bool:
        return self.is_asked_to_stop

    def save(self, state: dict[str, Tensor]) -> None:
        if self.folder is not None:
            seconds = self.seconds_before + perf_counter() - self.began
            self.folder.write_checkpoint({**state, "seconds": torch.tensor(seconds)})
        self.saved = perf_counter()

    def load(self, state: dict[str, Tensor]) -> None:
        """Continue from a checkpoint."""
        self.seconds_before = float(state.pop("seconds"))
        self.training.load_state(state)

    def _ask_to_stop(self) -> None:
        self.is_asked_to_stop = True

    def _write_results(self, folder: RunFolder) -> None:
        training = self.training
        files.write_table(folder.metrics, training.history.frame())
        files.write_table(folder.trace, training.trace.frame())
        if training.pretraining:
            files.write_table(folder.pretraining, pretraining_frame(training.pretraining))
        files.write_tensors(folder.weights, named_weights(training.whole_stack()))

    def _update_facts(self, folder: RunFolder, status: str) -> None:
        facts = folder.read_facts()
        facts |= {"status": status, "seconds": round(self.seconds, 3), "step": self.training.step}
        if status != "interrupted":
            facts["runs"] = results_of(self.training)
        folder.write_facts(facts)


def status_of(statuses: list[str]) -> str:
    """The status of a whole run: diverged if every network did, else finished."""
    return "diverged" if all(status == "diverged" for status in statuses) else "finished"


def results_of(training: Training) -> list[dict[str, Any]]:
    """Each network's seed, status, epochs and final metrics."""
    scores = training.score()
    return [
        {
            "seed": recipe.training.seed,
            "status": training.status[run],
            "epochs": int(training.history.lengths[run]),
            "metrics": {name: float(values[run]) for name, values in scores.items()},
        }
        for run, recipe in enumerate(training.recipes)
    ]


def pretraining_frame(measured: list[dict[str, Tensor]]) -> Any:
    """One row for each run, layer, epoch and quantity of the machines' training."""
    import polars

    rows = [
        {"run": run, "layer": layer, "epoch": epoch, "quantity": quantity, "value": value}
        for layer, quantities in enumerate(measured, start=1)
        for quantity, values in quantities.items()
        for run, by_epoch in enumerate(values.tolist())
        for epoch, value in enumerate(by_epoch)
        if value == value
    ]
    return polars.DataFrame(rows)


@contextmanager
def _stopping_on_interrupt(stop: Callable[[], None]) -> Iterator[None]:
    """The first Ctrl-C (or SIGTERM) asks to stop; a second one interrupts at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(number: int, frame: FrameType | None) -> None:
        stop()
        for each, handler in before.items():
            signal.signal(each, handler)

    try:
        for number in before:
            signal.signal(number, handle)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
