"""Progress of a training on stderr: a bar on a terminal, calm lines elsewhere."""

from __future__ import annotations

import os
import shutil
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

from descend.cli.output import say

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from descend.training.training import Progress

DRAWN_EVERY = 0.1  # seconds between two pictures of the bar
SAID_EVERY = 5.0  # seconds between two lines
RATE_OVER = 10.0  # seconds that the rate is a mean of
BETWEEN = " · "
TEXT = 73  # columns that nearly every text fits into; the bar has the rest


@contextmanager
def telling(quiet: bool, parts: PartsOf | None = None) -> Iterator[Teller | None]:
    """What a training is to be given as `tell`, while it lasts; parts: of what it is told."""
    if quiet:
        yield None
        return
    is_terminal = sys.stderr.isatty() and os.environ.get("TERM") not in ("dumb", "unknown")
    teller = Bars(parts or parts_of) if is_terminal else Lines(parts or parts_of)
    try:
        yield teller
    finally:
        teller.end()


class Shown(Protocol):
    """How far something is; machine: what is trained before the first step, then None."""

    @property
    def step(self) -> int: ...

    @property
    def share(self) -> float: ...

    @property
    def machine(self) -> object: ...


PartsOf = Callable[[Any, "Rate", int], dict[str, str]]
"""Texts by name, in the order they are read, of something shown, its rate, and digits."""


class Teller(Protocol):
    """Shows the progress of one training after the other."""

    def __call__(self, progress: Shown) -> None: ...

    def end(self) -> None: ...


class Lines:
    """Says now and then how far the training is, and at its end."""

    def __init__(self, parts: PartsOf, every: float = SAID_EVERY) -> None:
        self.parts, self.every = parts, every
        self.said: float | None = None
        self.rate = Rate()
        self.untold: Shown | None = None

    def __call__(self, progress: Shown) -> None:
        self.rate.see(progress)
        self.untold = progress
        if self.said is None:
            self.said = perf_counter()
        if perf_counter() - self.said >= self.every:
            self._say()

    def _say(self) -> None:
        if self.untold is not None:
            say(BETWEEN.join(self.parts(self.untold, self.rate, 4).values()))
            self.said, self.untold = perf_counter(), None

    def end(self) -> None:
        """The training is over: say what has not been said yet."""
        self._say()
        self.said, self.rate = None, Rate()


class Bars:
    """Moves a bar of rich, which is gone at the end of the training.

    It is drawn from here and not by a thread, which would slow small networks down.
    """

    def __init__(self, parts: PartsOf) -> None:
        self.parts = parts
        self.bar: Bar | None = None
        self.drawn = 0.0
        self.rate = Rate()

    def __call__(self, progress: Shown) -> None:
        self.rate.see(progress)
        if perf_counter() - self.drawn < DRAWN_EVERY:
            return
        self.drawn = perf_counter()
        if self.bar is None:
            self.bar = _bar()
            self.bar.start()
        room = self.bar.console.width - bar_width() - 1
        text = fitting(self.parts(progress, self.rate, 3), room)
        self.bar.update(self.bar.task_ids[0], completed=progress.share, description=text)
        self.bar.refresh()

    def end(self) -> None:
        """The training is over, or something else is to be written to the terminal."""
        if self.bar is not None:
            self.bar.stop()
        self.bar, self.rate = None, Rate()


class Rate:
    """Steps per second over the last seconds."""

    def __init__(self) -> None:
        self.seen: deque[tuple[float, int]] = deque()

    def see(self, progress: Shown) -> None:
        """Note how many steps are done now, from when the first one can be taken."""
        if progress.machine is not None:
            return
        now, step = perf_counter(), progress.step
        if len(self.seen) > 1 and now - self.seen[-2][0] < DRAWN_EVERY:
            self.seen.pop()
        self.seen.append((now, step))
        while len(self.seen) > 2 and now - self.seen[0][0] > RATE_OVER:
            self.seen.popleft()

    @property
    def steps_per_second(self) -> float | None:
        """None until two moments have been seen."""
        (begin, first), (end, last) = self.seen[0], self.seen[-1]
        return (last - first) / (end - begin) if end > begin else None


def parts_of(progress: Progress, rate: Rate, digits: int) -> dict[str, str]:
    """Epoch, loss, the first metric, rate and time left, by name and in the order they are read.

    Of a machine: its place among the machines, epoch and error.
    """
    if (machine := progress.machine) is not None:
        return {
            "machine": f"machine {machine.layer} of {machine.layers}",
            "epoch": f"epoch {machine.epoch:,} of {machine.epochs:,}",
            "loss": f"reconstruction error {machine.reconstruction_error:.{digits}g}",
        }
    parts = {
        "epoch": f"epoch {progress.epoch:,} of {progress.epochs:,}",
        "loss": f"loss {progress.loss:.{digits}g}",
    }
    shown = [name for name in progress.metrics if not name.endswith("/loss")]
    if shown:
        parts["metric"] = f"{shown[0]} {progress.metrics[shown[0]]:.{digits}g}"
    steps_per_second = rate.steps_per_second
    if steps_per_second:
        parts["rate"] = f"{steps_per_second:,.0f} steps/s"
        if progress.step < progress.steps:
            left = (progress.steps - progress.step) / steps_per_second
            parts["left"] = f"{clock(left)} left"
    return parts


def fitting(parts: dict[str, str], room: int) -> str:
    """As many parts as `room` columns hold; the name of the metric's split goes first."""
    kept = dict(parts)
    if "metric" in kept:
        kept["metric"] = kept["metric"].partition("/")[2]
    for name in ("metric", "rate", "left", "loss"):
        if len(BETWEEN.join(kept.values())) <= room:
            break
        kept.pop(name, None)
    return BETWEEN.join(kept.values())


def clock(seconds: float) -> str:
    """`0:07`, `12:30`, `3:05:00`."""
    whole = round(seconds)
    minutes = f"{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes.removeprefix("0")


def bar_width() -> int:
    """The columns of the bar: few on a narrow terminal."""
    return min(max(shutil.get_terminal_size().columns - TEXT, 6), 30)


def _bar() -> Bar:
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    console = Console(stderr=True, highlight=False, emoji=False)
    room = BarColumn(bar_width=bar_width())
    bar = Bar(room, text, console=console, auto_refresh=False, transient=True)
    bar.add_task("", total=1.0)
    return bar
