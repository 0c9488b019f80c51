"""Budget: which steps are sampled, so that watching takes a set share of the time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter

SHARE = 0.015  # of the time, for samples
FIRST = 3  # steps that are sampled whatever it takes
MOST = 1000  # samples, about: a longer training is sampled more rarely
SAVED = 2  # samples that can be saved up for, while a loop does something else


class Budget:
    """Allows a sample when the time since the last one has earned what a sample takes.

    every: a sample each so many steps instead.
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = every
        self.spent = 0.0
        self._earned = 0.0
        self._cost = 0.0
        self._last = -1
        self._at = perf_counter()

    def wants(self, step: int) -> bool:
        """Whether the step, counted from 0, is to be sampled."""
        if self.every is not None:
            return step % self.every == 0
        now = perf_counter()
        earned = self._earned + SHARE * (now - self._at)
        self._at = now
        self._earned = min(earned, SAVED * self._cost)
        if step >= FIRST and (self._earned < self._cost or step - self._last <= step // MOST):
            return False
        self._last = step
        return True

    def pay(self, seconds: float) -> None:
        """A sample has taken so long."""
        self.spent += seconds
        if self._last >= FIRST:
            self._earned -= seconds
        # the first one pays for what is loaded and allocated once
        self._cost = seconds if self._last <= 1 else 0.8 * self._cost + 0.2 * seconds

    @contextmanager
    def spending(self) -> Iterator[None]:
        """Count the time of something that is no sample, and that was asked for with `affords`."""
        begin = perf_counter()
        try:
            yield
        finally:
            self.spent += perf_counter() - begin
