"""Session: a training that writes its folder, and that Ctrl-C ends in good order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from descend.errors import RunError
from descend.network.stack import Stack
from descend.runs import files
from descend.runs.folder import RunFolder
from descend.runs.interrupts import stopping_on_interrupt
from descend.runs.weights import named_weights
from descend.training.pretraining import HELD_OUT, MEASURED
from descend.training.progress import Progress
from descend.training.training import Training

if TYPE_CHECKING:
    import polars

CHECKPOINT_SECONDS = 10.0
SECONDS_A_SECOND = 2.0  # of writing; beyond half a second checkpoints take 5 % of the time

Tell = Callable[[Progress], None]


class Examination(Protocol):
    """What was found in a training."""

    def to_json(self) -> dict[str, Any]: ...


Examine = Callable[[Training, Stack, Sequence[Mapping[str, Any]]], Examination | None]
"""Looks at a training that is over, at its networks and at their results."""


class Session:
    """Watches a training: saves it every now and then, stops it when asked, writes its results.

    folder None: everything stays in memory. until: the step at which to pause; curve_every: epochs
    from one row of the written curves to the next; stop: asks to stop in place of Ctrl-C; examine:
    asked at the end for what was found.
    After `run`: stack, of all networks with the weights they ended with; results, each network's
    seed, status, epochs and final metrics; examination, as plain data, of what ended and was looked
    at; seconds.
    """

    def __init__(
        self,
        training: Training,
        folder: RunFolder | None,
        tell: Tell | None = None,
        checkpoint_seconds: float = CHECKPOINT_SECONDS,
        *,
        until: int | None = None,
        curve_every: int = 1,
        stop: Callable[[], bool] | None = None,
        examine: Examine | None = None,
    ) -> None:
        self.training, self.folder = training, folder
        self.telling, self.until, self.curve_every = tell, until, curve_every
        self.stop, self.examine = stop or (lambda: False), examine
        self.examination: dict[str, Any] | None = None
        self.checkpoint_seconds = self.pause = checkpoint_seconds
        self.seconds = 0.0
        self.began = perf_counter()
        self.is_asked_to_stop = False
        self.is_listening = stop is not None  # then somebody else listens for Ctrl-C

    def run(self) -> str:
        """Train to the end, to `until` or until asked to stop; returns the status of the run."""
        self.saved = perf_counter()
        self.began = self.saved - self.seconds  # a resumed run began so much earlier
        with self.listening():
            is_finished = self.training.run(self, self.until)
            self.seconds = round(perf_counter() - self.began, 3)
            status = self._status(is_finished)
            if self.folder is not None and status == "interrupted":
                # before the last scores, which take time
                self._update_facts(self.folder, status)
            self.stack = self.training.whole_stack()
            self.results = results_of(self.training, self.stack, status)
            if self.examine is not None and is_finished:
                found = self.examine(self.training, self.stack, self.results)
                self.examination = None if found is None else found.to_json()
            if self.folder is not None and status != "interrupted":
                self._write_results(self.folder, status)
        return status

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The first Ctrl-C (or SIGTERM) asks to stop; at a second one nothing more is written."""
        if self.is_listening:
            yield
            return
        self.is_listening = True
        try:
            with stopping_on_interrupt(self._ask_to_stop):
                yield
        except KeyboardInterrupt as second:
            raise KeyboardInterrupt(str(second) or "stopped at once; nothing was kept") from None
        finally:
            self.is_listening = False

    def tell(self, progress: Progress) -> None:
        if self.telling is not None:
            self.telling(progress)

    def wants_checkpoint(self) -> bool:
        return self.folder is not None and perf_counter() - self.saved >= self.pause

    def wants_to_stop(self) -> bool:
        return self.is_asked_to_stop or self.stop()

    def save(self, state: dict[str, Tensor]) -> None:
        if self.folder is None:
            return
        begin = perf_counter()
        seconds = torch.tensor(begin - self.began, dtype=torch.float64)
        self.folder.write_checkpoint({**state, "seconds": seconds})
        self.saved = perf_counter()
        cost = self.saved - begin
        self.pause = self.checkpoint_seconds * max(1.0, SECONDS_A_SECOND * cost)

    def load(self, state: dict[str, Tensor]) -> None:
        """Continue from a checkpoint; RunError where it is another training's."""
        try:
            self.seconds = float(state["seconds"])
            self.training.load_state(state)
        except (KeyError, IndexError, ValueError, RuntimeError) as error:
            raise RunError(
                f"the checkpoint must be one of this recipe: {error}",
                hint="recipe.toml must be as the run left it",
            ) from None

    def _status(self, is_finished: bool) -> str:
        if is_finished:
            return status_of(self.training.status)
        return "paused" if self.training.step == self.until else "interrupted"

    def _ask_to_stop(self) -> None:
        self.is_asked_to_stop = True

    def _write_results(self, folder: RunFolder, status: str) -> None:
        """The large files, `run.json` after them, the checkpoint last: so no kill loses any."""
        training = self.training
        files.write_table(folder.metrics, training.history.frame(self.curve_every))
        files.write_table(folder.trace, training.trace.frame())
        if training.pretraining:
            files.write_table(folder.pretraining, pretraining_frame(training.pretraining))
        files.write_tensors(folder.weights, named_weights(self.stack))
        if self.examination is not None:
            files.write_json(folder.findings, self.examination)
        self._update_facts(folder, status, runs=self.results)
        if status != "paused":
            folder.drop_checkpoint()

    def _update_facts(self, folder: RunFolder, status: str, **facts: Any) -> None:
        facts |= {"status": status, "seconds": self.seconds, "step": self.training.step}
        folder.write_facts({**folder.read_facts(), **facts})


def status_of(statuses: list[str]) -> str:
    """The status of a whole run: diverged if every network did, else finished."""
    return "diverged" if all(status == "diverged" for status in statuses) else "finished"


def results_of(training: Training, stack: Stack, status: str) -> list[dict[str, Any]]:
    """Each network's seed, status, epochs and final metrics; status: of those that go on."""
    scores = {name: values.tolist() for name, values in training.score(stack).items()}
    return [
        {
            "seed": recipe.training.seed,
            "status": own if own != "running" else status,
            "epochs": epochs,
            "metrics": {name: values[run] for name, values in scores.items()},
        }
        for run, (recipe, own, epochs) in enumerate(
            zip(training.recipes, training.status, training.history.lengths.tolist(), strict=True)
        )
    ]


def pretraining_frame(measured: list[dict[str, Tensor]]) -> polars.DataFrame:
    """One row for each run, layer, epoch and quantity of the machines' training."""
    import polars

    rows = [
        {"run": run, "layer": layer, "epoch": epoch, "quantity": quantity, "value": value}
        for layer, quantities in enumerate(measured, start=1)
        for quantity in (*MEASURED, *HELD_OUT)
        if quantity in quantities
        for run, by_epoch in enumerate(quantities[quantity].tolist())
        for epoch, value in enumerate(by_epoch)
        if value == value
    ]
    return polars.DataFrame(rows)
