"""History: the curves of a training, one row for each run and epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int64
from torch import Tensor

if TYPE_CHECKING:
    import polars


class History:
    """Training losses by epoch, and metrics by the epochs after which they were taken.

    The training loss of an epoch is the mean of its steps' losses, each taken before its update.
    Epochs count from 1; a run that has left has no further rows.
    """

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self._losses: list[Float[Tensor, "epochs runs"]] = []
        self._columns: dict[str, list[tuple[int, Float[Tensor, " runs"]]]] = {}
        self.epochs = 0
        self.lengths = torch.zeros(runs, dtype=torch.int64)  # epochs that each run has been in

    def add_losses(
        self, losses: Float[Tensor, "epochs runs"], active: Int64[Tensor, " active"]
    ) -> None:
        """The training losses of the next epochs, NaN for runs that have left."""
        self._losses.append(losses)
        self.epochs += len(losses)
        self.lengths[active] = self.epochs

    def close(self, run: int, epoch: int) -> None:
        """The run has left in `epoch`."""
        self.lengths[run] = epoch

    def add_metrics(
        self, epoch: int, metrics: Mapping[str, Float[Tensor, " active"]], active: Int64[Tensor, " active"]
    ) -> None:
        """What an evaluation after `epoch` found."""
        for name, values in metrics.items():
            row = torch.full((self.runs,), torch.nan, dtype=torch.float64)
            row[active] = values.double().cpu()
            self._columns.setdefault(name, []).append((epoch, row))

    @property
    def losses(self) -> Float[Tensor, "epochs runs"]:
        """The training loss of each epoch, NaN after a run has left."""
        self._losses = [torch.cat(self._losses)] if self._losses else []
        return self._losses[0] if self._losses else torch.empty(0, self.runs, dtype=torch.float64)

    def column(self, name: str, run: int = 0) -> dict[int, float]:
        """A metric of a run by epoch."""
        if name == "train/loss":
            losses = self.losses[: int(self.lengths[run]), run].tolist()
            return dict(enumerate(losses, start=1))
        taken = ((epoch, float(row[run])) for epoch, row in self._columns.get(name, ()))
        return {epoch: value for epoch, value in taken if epoch <= int(self.lengths[run])}

    @property
    def names(self) -> tuple[str, ...]:
        """The columns, the training loss first."""
        return ("train/loss", *(name for name in self._columns if name != "train/loss"))

    def rows(self, run: int = 0) -> list[dict[str, Any]]:
        """The run's epochs: {"epoch": 1, "train/loss": …, "test/loss": …, …}; None = not evaluated."""
        columns = {name: self.column(name, run) for name in self.names}
        return [
            {"epoch": epoch, **{name: column.get(epoch) for name, column in columns.items()}}
            for epoch in range(1, int(self.lengths[run]) + 1)
        ]

    def frame(self) -> polars.DataFrame:
        """One row for each run and epoch."""
        import polars

        schema = {"run": polars.Int64, "epoch": polars.Int64}
        schema |= dict.fromkeys(self.names, polars.Float64)
        columns: dict[str, list[Any]] = {name: [] for name in schema}
        for run in range(self.runs):
            epochs = range(1, int(self.lengths[run]) + 1)
            columns["run"] += [run] * len(epochs)
            columns["epoch"] += epochs
            for name in self.names:
                column = self.column(name, run)
                columns[name] += [column.get(epoch) for epoch in epochs]
        return polars.DataFrame(columns, schema=schema)

    def state(self) -> dict[str, Tensor]:
        """Everything so far."""
        state = {"losses": self.losses, "lengths": self.lengths.clone()}
        for name, taken in self._columns.items():
            state[f"epochs/{name}"] = torch.tensor([epoch for epoch, _ in taken])
            state[f"values/{name}"] = torch.stack([row for _, row in taken])
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        self._losses = [state["losses"]]
        self.epochs = len(state["losses"])
        self.lengths = state["lengths"].clone()
        self._columns = {
            key.removeprefix("epochs/"): list(
                zip(epochs.tolist(), state["values/" + key.removeprefix("epochs/")], strict=True)
            )
            for key, epochs in state.items()
            if key.startswith("epochs/")
        }
