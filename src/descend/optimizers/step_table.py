"""Per-run numbers that depend on nothing but settings and step, computed a block of steps ahead."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

BLOCK = 64


class StepTable:
    """The numbers f(settings of the run, t) of shape (runs, 1) for the steps t = 1, 2, ….

    A tiny tensor operation costs a microsecond, a bias correction takes half a dozen of them: for
    a small network that is a tenth of the step. Here the formula is one on plain floats, evaluated
    once for runs of equal settings, so a run's numbers are the same bits in every stack.
    """

    def __init__(
        self,
        settings: Float[Tensor, "runs settings"],
        dtype: torch.dtype,
        formula: Callable[..., float],
    ) -> None:
        rows = [tuple(row) for row in settings.tolist()]
        self._distinct = list(dict.fromkeys(rows))
        place = {row: place for place, row in enumerate(self._distinct)}
        self._which = torch.tensor([place[row] for row in rows], device=settings.device)
        self._dtype, self._formula = dtype, formula
        self._block = -1
        self._columns: tuple[Tensor, ...] = ()

    def at(self, step: int) -> Float[Tensor, "runs 1"]:
        """The numbers of that step."""
        block, column = divmod(step - 1, BLOCK)
        if block != self._block:
            self._block, self._columns = block, self._computed(block * BLOCK + 1)
        return self._columns[column]

    def _computed(self, first: int) -> tuple[Tensor, ...]:
        steps = range(first, first + BLOCK)
        table = [[self._formula(*row, step) for row in self._distinct] for step in steps]
        numbers = torch.tensor(table, dtype=self._dtype, device=self._which.device)
        if len(self._distinct) > 1:
            numbers = numbers[:, self._which]
        return numbers.unsqueeze(-1).expand(-1, len(self._which), 1).unbind()

    def keep(self, rows: Int64[Tensor, "kept"]) -> None:
        """Lets every run but these leave."""
        self._which = self._which[rows]
        self._block = -1
