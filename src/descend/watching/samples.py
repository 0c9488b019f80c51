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
    """One sampled step: its loss, and (layers, COLUMNS)."""

    step: int
    loss: Tensor
    values: Tensor


class Samples:
    """All rows so far; layers that were called later are absent in the first ones."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._fetched: list[tuple[int, float, Numbers]] = []

    def add(self, row: Row) -> None:
        """Add a sampled step."""
        self.rows.append(row)

    def _fetch(self) -> list[tuple[int, float, Numbers]]:
        for row in self.rows[len(self._fetched) :]:
            self._fetched.append((row.step, float(row.loss), row.values.double().cpu().numpy()))
        return self._fetched

    @property
    def steps(self) -> NDArray[np.int64]:
        """(samples,)."""
        return np.array([step for step, _, _ in self._fetch()], dtype=np.int64)

    @property
    def losses(self) -> Numbers:
        """(samples,), NaN where it was not seen."""
        return np.array([loss for _, loss, _ in self._fetch()], dtype=np.float64)

    def quantity(self, name: str, layers: int) -> Numbers:
        """(samples, layers), NaN where not measured."""
        column = COLUMNS.index(name)
        table = np.full((len(self._fetch()), layers), np.nan)
        for place, (_, _, values) in enumerate(self._fetched):
            table[place, : len(values)] = values[:, column]
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


def values_of(
    activities: Sequence[Tensor | None], movement: tuple[Tensor, Tensor, Tensor], layers: int
) -> Tensor:
    """(layers, COLUMNS) from what was seen of each layer's activity, and three norms."""
    nothing = torch.full((5 + len(EXTRA),), torch.nan, dtype=torch.float64)
    seen = (
        torch.stack([nothing if one is None else one.detach().double().cpu() for one in activities])
        if layers
        else nothing.new_empty(0, len(nothing))
    )
    gradients, sizes, changes = (column[:layers] for column in movement)
    ratio = torch.where(changes == 0, changes, changes / sizes)
    return torch.cat([seen, torch.stack([gradients, sizes, ratio], dim=1)], dim=1)
