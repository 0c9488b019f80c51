"""Per-run numbers that depend on nothing but the step, computed a block of steps ahead."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK = 64


class StepTable:
    """The numbers f(t) of shape (runs, 1) for the steps t = 1, 2, …, looked up at no cost.

    A tiny tensor operation costs a microsecond, a bias correction takes half a dozen of them:
    for a small network that is a tenth of the step.
    """

    def __init__(self, numbers: Callable[[range], Float[Tensor, "runs steps"]]) -> None:
        self._numbers = numbers
        self._block = -1
        self._columns: tuple[Tensor, ...] = ()

    def at(self, step: int) -> Float[Tensor, "runs 1"]:
        """The numbers of that step."""
        block, column = divmod(step - 1, BLOCK)
        if block != self._block:
            first = block * BLOCK + 1
            numbers = self._numbers(range(first, first + BLOCK))
            self._columns = numbers.T.contiguous().unsqueeze(-1).unbind()
            self._block = block
        return self._columns[column]

    def forget(self) -> None:
        """Recomputes at the next look-up, because the runs have changed."""
        self._block = -1


def powers(base: Float[Tensor, "runs 1"], steps: range) -> Float[Tensor, "runs steps"]:
    """baseᵗ in float64, equal for equal bases in whatever stack they stand.

    Python's power, because the vectorised one rounds differently at the end of a tensor.
    """
    bases = base.flatten().tolist()
    rows = {number: row for row, number in enumerate(dict.fromkeys(bases))}
    table = torch.tensor([[number**step for step in steps] for number in rows], dtype=torch.float64)
    return table[[rows[number] for number in bases]].to(base.device)
