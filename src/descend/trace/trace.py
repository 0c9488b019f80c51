"""Trace: the table of measurements of a training, by run, step, layer and quantity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from descend.network.activations import ACTIVATIONS
from descend.network.passes import TrainingPass
from descend.network.stack import Stack, views_of
from descend.trace.measurements import QUANTITIES, activity, has_sense, norms, ratio

if TYPE_CHECKING:
    import polars


class Trace:
    """Samples a training at its first steps and at every `every`-th one.

    activations: their names, one for each layer.
    steps: the sampled steps; values: (samples, runs, layers, quantities), NaN where a quantity has
    no sense or a run was absent; losses, present (whether the run was sampled): (samples, runs).
    A run that diverges is also sampled at its last step, its neighbours are not.
    """

    def __init__(self, runs: int, activations: Sequence[str], *, every: int, first: int) -> None:
        self.runs, self.activations = runs, tuple(activations)
        self.every, self.first = every, first
        self.is_on = every > 0 or first > 0
        self.steps: list[int] = []
        self._values: list[Tensor] = []
        self._losses: list[Tensor] = []
        self._present: list[Tensor] = []

    def wants(self, step: int) -> bool:
        """Whether `step`, counted from 0, is sampled."""
        return step < self.first or (self.every > 0 and step % self.every == 0)

    def open(self, training: TrainingPass, loss: Float[Tensor, " active"]) -> Sample:
        """Begin the sample of a step, after its forward pass."""
        return Sample(training, loss)

    def close(
        self,
        step: int,
        sample: Sample,
        active: Int64[Tensor, " active"],
        only: Int64[Tensor, " sampled"] | None = None,
    ) -> None:
        """Add the sample of `step`; its row i is of the run `active[i]`. `only` these count."""
        values, loss = sample.values(), sample.loss
        if len(active) < self.runs:
            values = _spread(values, active, self.runs)
            loss = _spread(loss, active, self.runs)
        sampled = active if only is None else active[only]
        self.steps.append(step)
        self._values.append(values)
        self._losses.append(loss)
        self._present.append(torch.zeros(self.runs, dtype=torch.bool).index_fill_(0, sampled, True))

    @property
    def values(self) -> Float[Tensor, "samples runs layers quantities"]:
        shape = (0, self.runs, len(self.activations), len(QUANTITIES))
        return _joined(self._values, torch.empty(shape))

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
        import numpy
        import polars

        made = [
            (layer, place)
            for layer, activation in enumerate(self.activations)
            for place, quantity in enumerate(QUANTITIES)
            if has_sense(quantity, ACTIVATIONS[activation])
        ]
        layers, places = (list(column) for column in zip(*made, strict=True))
        inner = self.values[:, :, layers, places]
        table = torch.cat([self.losses.unsqueeze(2).to(inner), inner], dim=2)
        runs, samples = self.present.T.numpy().nonzero()
        steps = numpy.array(self.steps, dtype=numpy.int64)
        width = table.shape[2]
        layer = numpy.array([0, *(layer + 1 for layer in layers)], dtype=numpy.int32)
        names = polars.Series(["loss", *(QUANTITIES[place] for place in places)])
        return polars.DataFrame(
            {
                "run": runs.astype(numpy.int32).repeat(width),
                "step": steps[samples].repeat(width),
                "layer": numpy.tile(layer, len(runs)),
                "quantity": names.gather(numpy.tile(numpy.arange(width), len(runs))),
                "value": table.double().numpy()[samples, runs].reshape(-1),
            }
        )


class Sample:
    """The measurements of one step while it is taken: forward, backward, update."""

    def __init__(self, training: TrainingPass, loss: Float[Tensor, " active"]) -> None:
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
            column.append(ratio(change, weight))

    def values(self) -> Float[Tensor, "active layers quantities"]:
        """The sample, once it is complete."""
        flat = [quantity for column in self.columns for quantity in column]
        return torch.stack(flat, dim=1).view(-1, len(self.columns), len(QUANTITIES))


def _joined(parts: list[Tensor], empty: Tensor) -> Tensor:
    return torch.stack([part.cpu() for part in parts]) if parts else empty


def _spread(values: Tensor, active: Tensor, runs: int) -> Tensor:
    full = values.new_full((runs, *values.shape[1:]), torch.nan)
    full[active.to(values.device)] = values
    return full
