"""Samples: the measurements of sampled steps, in the columns that a trace has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descend.trace.measurements import QUANTITIES

if TYPE_CHECKING:
    import polars

Numbers = NDArray[np.float64]
EXTRA = ("difference", "signal")  # of activations, beside what a trace has
COLUMNS = (*QUANTITIES[:5], *EXTRA, *QUANTITIES[5:])


@dataclass(frozen=True)
class Row:
    """One sampled step: its loss, NaN where it was not seen, and (layers, COLUMNS).

    is_lost: its loss was seen, and is no number.
    """

    step: int
    loss: float
    values: Numbers
    is_lost: bool = False


class Samples:
    """All rows so far; layers that were called later are absent in the first ones."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    @property
    def known(self) -> Samples:
        """Those whose loss was a number, or was not seen."""
        known = Samples()
        known.rows = [row for row in self.rows if not row.is_lost]
        return known

    @property
    def steps(self) -> NDArray[np.int64]:
        """(samples,)."""
        return np.array([row.step for row in self.rows], dtype=np.int64)

    @property
    def losses(self) -> Numbers:
        """(samples,), NaN where it was not seen."""
        return np.array([row.loss for row in self.rows], dtype=np.float64)

    def quantity(self, name: str, layers: int) -> Numbers:
        """(samples, layers), NaN where not measured."""
        column = COLUMNS.index(name)
        table = np.full((len(self.rows), layers), np.nan)
        for place, row in enumerate(self.rows):
            table[place, : len(row.values)] = row.values[:, column]
        return table

    def frame(self, layers: int) -> polars.DataFrame:
        """One row for each step, layer and quantity, as of a trace; layer 0 is the network."""
        import polars

        steps = self.steps
        parts = [_rows(steps, 0, "loss", self.losses)]
        for name in QUANTITIES:
            table = self.quantity(name, layers)
            for layer in range(layers):
                if not np.isnan(table[:, layer]).all():
                    parts.append(_rows(steps, layer + 1, name, table[:, layer]))
        return polars.concat(parts).sort("step", "layer", maintain_order=True)


def _rows(steps: NDArray[np.int64], layer: int, quantity: str, values: Numbers) -> polars.DataFrame:
    import polars

    return polars.DataFrame(
        {
            "run": np.zeros(len(steps), dtype=np.int32),
            "step": steps,
            "layer": np.full(len(steps), layer, dtype=np.int32),
            "quantity": [quantity] * len(steps),
            "value": values,
        }
    )


def values_of(activities: Sequence[Tensor | None], movement: Tensor) -> Numbers:
    """(layers, COLUMNS) from what was seen of each layer's activity, and (3, layers) norms."""
    nothing = torch.full((5 + len(EXTRA),), torch.nan, dtype=torch.float64)
    seen = [nothing if one is None else one.detach().double().cpu() for one in activities]
    gradients, sizes, changes = movement
    ratio = torch.where(changes == 0, changes, changes / sizes)
    columns = [torch.stack(seen) if seen else nothing.new_empty(0, len(nothing))]
    columns.append(torch.stack([gradients, sizes, ratio], dim=1))
    values: Numbers = torch.cat(columns, dim=1).numpy().copy()  # a tensor more would live on in it
    return values
