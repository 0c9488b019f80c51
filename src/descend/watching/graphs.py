"""Graphs: whether those of earlier steps are still alive, though nobody needs them."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import partial

LATER = 3  # steps after which no graph should be alive


class Mark:
    """Hangs on a graph, and lives exactly as long."""


class Graphs:
    """Marks of the graphs of sampled steps, known by weak references only.

    A variable holds the last graph until it is set anew, however late: kept are those of which
    several are old at the same time.

    now: says at which step the loop is.
    """

    def __init__(self) -> None:
        self.now: Callable[[], int] = lambda: 0
        self._alive: dict[weakref.ref[Mark], int] = {}
        self._lives: list[int] = []

    def mark(self) -> Mark:
        """Something to hang on a graph of this step."""
        mark, began = Mark(), self.now()
        self._alive[weakref.ref(mark, partial(self._end, began))] = began
        return mark

    def _end(self, began: int, mark: weakref.ref[Mark]) -> None:
        self._alive.pop(mark, None)
        now = self.now()
        is_one_of_many = now - next(iter(self._alive.values()), now) >= LATER
        self._lives.append(now - began if is_one_of_many else 0)

    @property
    def kept(self) -> tuple[int, int] | None:
        """How many lived for so many steps, and of how many that is; None before any could."""
        ages = [self.now() - began for began in list(self._alive.values())]
        waiting = [age for age in ages if age >= LATER]
        old = [age for age in self._lives if age >= LATER]
        old += waiting if len(waiting) > 1 else []
        of = len(self._lives) + sum(age >= LATER for age in ages)
        return (len(old), of) if of else None
