"""Order: in which sequence each run sees the examples, drawn from that run's generator alone."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Int32, Int64
from torch import Tensor


class Order:
    """One order of the examples for each generator, laid out batch by batch.

    An epoch's draw is one int64, then `torch.randperm(examples)`, on the CPU: what a `DataLoader`
    drew when the tutorials were written (today's draws once more at an epoch's end).
    `index` holds the rows of batch 0 of every run, then of batch 1 of
    every run, and so on, so that what several steps need lies in one piece.
    """

    def __init__(
        self,
        examples: int,
        batch_size: int,
        drop_last: bool,
        generators: Sequence[torch.Generator],
        device: torch.device,
    ) -> None:
        self.examples, self.batch_size, self.device = examples, batch_size, device
        self.full = examples // batch_size
        self.rest = 0 if drop_last else examples % batch_size
        self.generators = list(generators)
        self.before = self._states()
        self.index: Int32[Tensor, " rows"] | None = None

    def draw(self) -> None:
        """Draw the order of the next epoch."""
        self.before = self._states()
        # int32, because an order in int64 would weigh as much as a small network with its Adam.
        order = torch.empty(len(self.generators), self.examples, dtype=torch.int32)
        for row, generator in zip(order, self.generators, strict=True):
            torch.empty((), dtype=torch.int64).random_(generator=generator)
            row.copy_(torch.randperm(self.examples, generator=generator))
        whole = self.full * self.batch_size
        steps = order[:, :whole].view(len(order), self.full, self.batch_size).transpose(0, 1)
        self.index = self._joined(steps, order[:, whole : whole + self.rest])

    def rows(self, first: int, last: int) -> Int32[Tensor, " rows"]:
        """The examples of the batches from `first` up to but not including `last`."""
        if self.index is None:
            raise ValueError("start_epoch() must come before take()")
        step = len(self.generators) * self.batch_size
        return self.index[first * step : last * step]

    def keep(self, rows: Int64[Tensor, " kept"]) -> None:
        """Go on with the runs at `rows`, each in the order that it has."""
        runs = len(self.generators)
        self.generators = [self.generators[row] for row in rows.tolist()]
        self.before = self.before[rows.cpu()]
        if self.index is not None:
            rows = rows.to(self.device)
            body = self.index[: runs * self.full * self.batch_size]
            tail = self.index[runs * self.full * self.batch_size :]
            steps = body.view(self.full, runs, self.batch_size)[:, rows]
            self.index = self._joined(steps, tail.view(runs, self.rest)[rows])

    def load(self, states: Tensor) -> None:
        """Set every generator back to its row of `states`."""
        for generator, state in zip(self.generators, states, strict=True):
            generator.set_state(state.clone())  # torch 2.13 crashes on a row of a larger tensor
        self.before = self._states()

    def _states(self) -> Tensor:
        return torch.stack([generator.get_state() for generator in self.generators])

    def _joined(self, steps: Tensor, tail: Tensor) -> Tensor:
        return torch.cat([steps.reshape(-1), tail.reshape(-1)]).to(self.device)
