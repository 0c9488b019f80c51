"""Trace: the table of measurements of a training, by run, step, layer and quantity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from descend.network.passes import TrainingPass
from descend.network.stack import Stack, views_of
from descend.trace.measurements import QUANTITIES, activity, norms

if TYPE_CHECKING:
    import polars

class Trace:
    """Samples a training at its first steps and at every `every`-th one.

    steps: the sampled steps; values: (samples, runs, layers, quantities), NaN where a quantity has no
    sense or a run has left; losses and present (whether the run took part): (samples, runs).
    """

    def __init__(self, runs: int, layers: int, *, every: int, first: int) -> None:
        self.runs, self.layers = runs, layers
        self.every, self.first = every, first
        self.steps: list[int] = []
        self._values: list[Tensor] = []
        self._losses: list[Tensor] = []
        self._present: list[Tensor] = []

    def wants(self, step: int) -> bool:
        """Whether `step`, counted from 0, is sampled."""
        return step < self.first or (self.every > 0 and step % self.every == 0)

    def open(self, training: TrainingPass, loss: Float[Tensor, " runs"]) -> Sample:
        """Begin the sample of a step, after its forward pass."""
        return Sample(training, loss)

    def close(self, step: int, sample: Sample, active: Int64[Tensor, " kept"]) -> None:
        """Add the sample of `step`; row i of it belongs to the run `active[i]`."""
        values, loss = sample.values(), sample.loss
        if len(active) < self.runs:
            values = _spread(values, active, self.runs)
            loss = _spread(loss, active, self.runs)
        self.steps.append(step)
        self._values.append(values)
        self._losses.append(loss)
        self._present.append(torch.zeros(self.runs, dtype=torch.bool).index_fill_(0, active, True))

    @property
    def values(self) -> Float[Tensor, "samples runs layers quantities"]:
        return _joined(self._values, torch.empty(0, self.runs, self.layers, len(QUANTITIES)))

    @property
    def losses(self) -> Float[Tensor, "samples runs"]:
        return _joined(self._losses, torch.empty(0, self.runs))

    @property
    def present(self) -> Bool[Tensor, "samples runs"]:
        return _joined(self._present, torch.empty(0, self.runs, dtype=torch.bool))

    def state(self) -> dict[str, Tensor]:
        """Everything taken so far."""
        steps = torch.tensor(self.steps, dtype=torch.int64)
        return {
            "steps": steps,
            "values": self.values,
            "losses": self.losses,
            "present": self.present,
        }

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue from what `state` returned."""
        self.steps = state["steps"].tolist()
        self._values = list(state["values"])
        self._losses = list(state["losses"])
        self._present = list(state["present"])

    def frame(self) -> polars.DataFrame:
        """One row for each run, step, layer and quantity; layer 0 is the whole network."""
        import polars

        steps = torch.tensor(self.steps, dtype=torch.int64)
        inner = _frame(self.values, QUANTITIES, steps, first_layer=1)
        loss = _frame(self.losses[:, :, None, None], ("loss",), steps, first_layer=0)
        present = self.present.flatten().numpy()
        rows = polars.concat([loss.filter(present), inner.filter(polars.col("value").is_not_nan())])
        return rows.sort("run", "step", "layer", maintain_order=True)


class Sample:
    """The measurements of one step while it is taken: forward, backward, update."""

    def __init__(self, training: TrainingPass, loss: Float[Tensor, " runs"]) -> None:
        self.loss = loss.clone()
        self.columns = [activity(activation, a) for activation, a in training.activity()]

    def gradient(self, stack: Stack) -> None:
        """After the backward pass, before anything changes the gradient."""
        self.before = stack.theta.clone()
        self.weight_norms = norms(stack.views)
        for column, gradient, weight in zip(
            self.columns, norms(stack.slopes), self.weight_norms, strict=True
        ):
            column += [gradient, weight]

    def update(self, stack: Stack) -> None:
        """After the update."""
        moved = views_of(self.before.sub_(stack.theta), stack.blocks)
        for column, change, weight in zip(
            self.columns, norms(moved), self.weight_norms, strict=True
        ):
            column.append(change / weight)

    def values(self) -> Float[Tensor, "runs layers quantities"]:
        """The sample so far; what was not reached is NaN."""
        missing = torch.full_like(self.loss, torch.nan)
        flat = [
            quantity
            for column in self.columns
            for quantity in column + [missing] * (len(QUANTITIES) - len(column))
        ]
        return torch.stack(flat, dim=1).unflatten(1, (len(self.columns), len(QUANTITIES)))


def _joined(parts: list[Tensor], empty: Tensor) -> Tensor:
    return torch.stack(parts).cpu() if parts else empty


def _spread(values: Tensor, active: Tensor, runs: int) -> Tensor:
    full = values.new_full((runs, *values.shape[1:]), torch.nan)
    full[active.to(values.device)] = values
    return full


def _frame(values: Tensor, names: Sequence[str], steps: Tensor, first_layer: int) -> polars.DataFrame:
    """The rows of `values` (samples, runs, layers, quantities)."""
    import numpy
    import polars

    samples, runs, layers, quantities = numpy.indices(tuple(values.shape)).reshape(4, -1)
    return polars.DataFrame(
        {
            "run": runs,
            "step": steps.numpy()[samples],
            "layer": layers + first_layer,
            "quantity": polars.Series(numpy.array(names)[quantities], dtype=polars.String),
            "value": values.double().flatten().numpy(),
        }
    )
