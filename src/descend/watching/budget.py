"""Budget: which steps are sampled, so that watching takes a set share of the time."""

from __future__ import annotations

from collections import deque
from statistics import median
from time import perf_counter

SHARE = 0.0125  # of the time, for samples
FIRST = 3  # steps that are sampled whatever it takes
CREDIT = 0.05  # seconds for more samples at the start
APART = 1.4  # times as late is each of these
MOST = 1000  # samples, about: a longer training is sampled more rarely
PAIRS = 5  # of steps, whose median counts
WORST = 5.0  # times as long as what was counted: no sample is to blame for more
NEW = 0.3  # of what the last sample took, in what the next one is expected to take


class Budget:
    """Allows a sample when the time since the last one has earned what that one has taken.

    A sampled step is also slower than others for no reason that shows in the time of any hook:
    memory and caches hold other things. What counts is by how much it took longer than the step
    before it, the median of the last samples.

    every: a sample each so many steps instead.
    due: the first step that may be the next sample; at: the time before which none is, in
    perf_counter's seconds. began: when the last step began that was not sampled.
    """

    def __init__(self, every: int | None = None) -> None:
        self.every = every
        self.due = 0
        self.at = 0.0
        self.began: float | None = None
        self.spent = 0.0
        self._expected = 0.0
        self._taken = 0.0
        self._samples = 0
        self._begin = 0.0
        self._credit = CREDIT
        self._start: float | None = None
        self._first = 0
        self._usual: float | None = None
        self._beside: deque[float] = deque(maxlen=PAIRS)

    def is_due(self, step: int) -> bool:
        """Whether the step, counted from 0, is to be sampled."""
        now = perf_counter()
        if self._start is None:
            self._start, self._first = now, step
        self._usual = None if self.began is None else now - self.began
        self._begin, self.began = now, None
        return step >= self.due and now >= self.at

    def pay(self, begin: float) -> None:
        """A part of a sample has taken the time since `begin`, in perf_counter's seconds."""
        self._taken += perf_counter() - begin

    def settle(self, step: int) -> None:
        """The sample of a step is complete."""
        taken = self._taken * self._slower_by()
        self._taken = 0.0
        self.spent += taken
        self._samples += 1
        if self.every is not None:
            self.due = step + self.every
            return
        # the first one pays for what is loaded and allocated once
        is_new = self._samples <= 2
        self._expected = taken if is_new else NEW * taken + (1 - NEW) * self._expected
        self.due = step + 1 + step // MOST
        if self._samples >= FIRST:
            self._wait(step, max(taken, self._expected))

    def _wait(self, step: int, cost: float) -> None:
        """Until the time has earned a sample, or where that is earlier, for a start on credit."""
        now = perf_counter()
        per_step = (now - (self._start or now)) / max(1, step - self._first)
        later = max(self.due, round(APART * step))
        is_earlier = (later - step) * per_step < cost / SHARE
        if is_earlier and self._credit >= cost:
            self._credit -= cost
            self.due, self.at = later, 0.0
        else:
            self.at = now + cost / SHARE

    def _slower_by(self) -> float:
        """By what a sampled step takes longer, as a multiple of what was counted."""
        if self._usual is not None and self._taken:
            longer = perf_counter() - self._begin - self._usual
            self._beside.append(longer / self._taken)
        return min(max(median(self._beside), 1.0), WORST) if self._beside else 1.0
