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
        self._lives.append(self.now() - began)

    @property
    def kept(self) -> tuple[int, int] | None:
        """How many lived for so many steps, and of how many that is; None before any could."""
        ages = [self.now() - began for began in list(self._alive.values())]
        old = [age for age in [*self._lives, *ages] if age >= LATER]
        of = len(self._lives) + sum(age >= LATER for age in ages)
        return (len(old), of) if of else None
