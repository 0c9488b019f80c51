"""Budget: which steps are sampled, so that watching takes a set share of the time."""

from __future__ import annotations

from time import perf_counter

SHARE = 0.015  # of the time, for samples
FIRST = 3  # steps that are sampled whatever it takes
MOST = 1000  # samples, about: a longer training is sampled more rarely
SAVED = 2  # samples that can be saved up for, while a loop does something else
NEW = 0.3  # of what the last sample took, in what the next one is expected to take


class Budget:
    """Allows a sample when the time since the last one has earned what a sample takes.

    every: a sample each so many steps instead. spent: seconds, of all samples.
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = every
        self.spent = 0.0
        self._earned = 0.0
        self._expected = 0.0
        self._taken = 0.0
        self._last = -1
        self._samples = 0
        self._at = perf_counter()

    def wants(self, step: int) -> bool:
        """Whether the step, counted from 0, is to be sampled."""
        if self.every is not None:
            return step % self.every == 0
        now = perf_counter()
        earned = self._earned + SHARE * (now - self._at)
        self._at = now
        self._earned = min(earned, SAVED * self._expected)
        is_due = self._samples < FIRST or self._earned >= self._expected
        if not is_due or step - self._last <= step // MOST:
            return False
        self._last = step
        self._samples += 1
        return True

    def pay(self, begin: float) -> None:
        """A part of a sample has taken the time since `begin`, in perf_counter's seconds."""
        self._taken += perf_counter() - begin

    def settle(self) -> None:
        """The sample is complete."""
        taken, self._taken = self._taken, 0.0
        self.spent += taken
        if self._samples > FIRST:
            self._earned -= taken
        # the first one pays for what is loaded and allocated once
        is_first = self._samples <= 2
        self._expected = taken if is_first else NEW * taken + (1 - NEW) * self._expected
