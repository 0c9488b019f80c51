"""History: the curves of a training, one row for each run and epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int64
from torch import Tensor

if TYPE_CHECKING:
    import polars

EVALUATED_LOSS = "train/evaluated_loss"  # of the weights after the epoch, in evaluation mode
SO_FAR = ("sums", "counts")


class History:
    """Training losses by epoch, and metrics by the epochs after which they were taken.

    The training loss of an epoch is the mean of its steps' losses, each taken before its update; a
    run that diverges has taken part in its last epoch up to the loss that is not finite.
    Epochs count from 1; lengths: how many epochs each run has been in, (runs,).
    """

    def __init__(self, runs: int) -> None:
        self.runs = runs
        self.epochs = 0  # the present one left out
        self.lengths = torch.zeros(runs, dtype=torch.int64)
        self._losses: list[Float[Tensor, "epochs runs"]] = []
        self._evaluated: list[int] = []
        self._judged: list[Tensor] = []  # the runs that were there, (runs,) for each evaluation
        self._metrics: dict[str, list[Float[Tensor, " runs"]]] = {}
        self._begin_epoch()

    def add_epochs(
        self, losses: Float[Tensor, "epochs active"], active: Int64[Tensor, " active"]
    ) -> None:
        """Epochs of one step each."""
        self._append(self._spread(losses, active))
        self.lengths[active] = self.epochs

    def add_steps(
        self, losses: Float[Tensor, "steps active"], active: Int64[Tensor, " active"]
    ) -> None:
        """Further steps of the present epoch."""
        sums = losses.cpu().sum(dim=0, dtype=torch.float64)
        if len(active) == self.runs:
            self.sums += sums
            self.counts += len(losses)
        else:
            self.sums[active] += sums
            self.counts[active] += len(losses)

    def end_epoch(self) -> None:
        """The present epoch is over, if it has begun."""
        if not bool(self.counts.any()):
            return
        self._append((self.sums / self.counts).unsqueeze(0))
        self.lengths[self.counts > 0] = self.epochs
        self._begin_epoch()

    def add_metrics(
        self,
        epoch: int,
        metrics: Mapping[str, Float[Tensor, " active"]],
        active: Int64[Tensor, " active"],
    ) -> None:
        """What an evaluation after `epoch` found."""
        self._evaluated.append(epoch)
        self._judged.append(torch.zeros(self.runs, dtype=torch.bool).index_fill_(0, active, True))
        for name, values in metrics.items():
            row = self._spread(values.unsqueeze(0), active)[0]
            self._metrics.setdefault(name, []).append(row)

    @property
    def losses(self) -> Float[Tensor, "epochs runs"]:
        """The training loss of each epoch, NaN after a run has left."""
        if len(self._losses) != 1:
            empty = torch.empty(0, self.runs, dtype=torch.float64)
            self._losses = [torch.cat([empty, *self._losses])]
        return self._losses[0]

    @property
    def last_losses(self) -> Float[Tensor, " runs"]:
        """The training loss of the last epoch."""
        return self._losses[-1][-1]

    def frame(self, every: int = 1) -> polars.DataFrame:
        """One row for each run and epoch; null where a metric was not taken.

        every: only its multiples among the epochs, with the first and each run's last one.
        """
        import numpy
        import polars

        losses = self.losses
        epochs = numpy.arange(1, self.epochs + 1, dtype=numpy.int32)
        lengths = self.lengths.numpy()[:, None]
        if every > 1:
            epochs = epochs[(epochs % every == 0) | (epochs == 1) | numpy.isin(epochs, lengths)]
            losses = losses[torch.from_numpy(epochs - 1)]
        is_there = epochs <= lengths
        if every > 1:
            is_there &= (epochs % every == 0) | (epochs == 1) | (epochs == lengths)
        runs = numpy.arange(self.runs, dtype=numpy.int32)
        columns = {
            "run": runs.repeat(is_there.sum(axis=1)),
            "epoch": numpy.broadcast_to(epochs, is_there.shape)[is_there],
            "train/loss": losses.T.contiguous().numpy()[is_there],
        }
        frame = polars.DataFrame(columns)
        _, places, taken_at = numpy.intersect1d(epochs, self._evaluated, return_indices=True)
        was_taken = numpy.zeros_like(is_there)
        if self._judged:
            was_taken[:, places] = torch.stack(self._judged).numpy()[taken_at].T
        taken = polars.Series("taken", was_taken[is_there])
        for name, rows in self._metrics.items():
            if name == "train/loss":  # that is the mean of the steps' losses, as tutorials print it
                name = EVALUATED_LOSS
            values = numpy.full(is_there.shape, numpy.nan)
            values[:, places] = torch.stack(rows).numpy()[taken_at].T
            column = polars.Series(name, values[is_there])
            frame = frame.with_columns(polars.when(taken).then(column).alias(name))
        return frame

    def state(self) -> dict[str, Tensor]:
        """Everything so far."""
        state = {"losses": self.losses, "lengths": self.lengths}
        state |= {name: getattr(self, name) for name in SO_FAR}
        if self._evaluated:
            state["evaluated"] = torch.tensor(self._evaluated)
            state["judged"] = torch.stack(self._judged)
        for place, (name, rows) in enumerate(self._metrics.items()):
            state[f"metrics/{place:02d}/{name}"] = torch.stack(rows)  # files sort their names
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        self._losses = []
        self.epochs = 0
        self._append(state["losses"])
        self.lengths = state["lengths"].clone()
        for name in SO_FAR:
            setattr(self, name, state[name].clone())
        if "evaluated" in state:
            self._evaluated = state["evaluated"].tolist()
            self._judged = list(state["judged"])
        keys = sorted(key for key in state if key.startswith("metrics/"))
        self._metrics = {key.split("/", maxsplit=2)[2]: list(state[key]) for key in keys}

    def _append(self, losses: Float[Tensor, "epochs runs"]) -> None:
        self._losses.append(losses)
        self.epochs += len(losses)

    def _begin_epoch(self) -> None:
        self.sums = torch.zeros(self.runs, dtype=torch.float64)
        self.counts = torch.zeros(self.runs, dtype=torch.int64)

    def _spread(
        self, values: Float[Tensor, "rows active"], active: Int64[Tensor, " active"]
    ) -> Float[Tensor, "rows runs"]:
        """The values of the active runs in the places of all, NaN for the others."""
        values = values.double().cpu()
        if len(active) == self.runs:
            return values
        full = torch.full((len(values), self.runs), torch.nan, dtype=torch.float64)
        full[:, active] = values
        return full
