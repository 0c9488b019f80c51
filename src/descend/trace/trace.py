"""Trace: the table of measurements of a training, by run, step, layer and quantity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from descend.network.activations import ACTIVATIONS
from descend.network.passes import TrainingPass
from descend.network.stack import Stack
from descend.trace.measurements import QUANTITIES, has_sense
from descend.trace.samples import Copied, Measured, are_alike, bytes_of, measured_together

if TYPE_CHECKING:
    import polars

ROOM = 1 << 20  # bytes of copies that wait until they are measured together


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
        self.steps: list[int] = []
        self._values: list[Tensor] = []
        self._losses: list[Tensor] = []
        self._present: list[Tensor] = []
        self._waiting: list[Copied] = []
        self._everyone = torch.ones(runs, dtype=torch.bool)

    @property
    def is_on(self) -> bool:
        """Whether anything is measured, such as the last step of a run that diverges."""
        return self.every > 0 or self.first > 0

    def turn_off(self) -> None:
        """Measure nothing from now on."""
        self.every = self.first = 0

    def wants(self, step: int) -> bool:
        """Whether `step`, counted from 0, is sampled."""
        return step < self.first or (self.every > 0 and step % self.every == 0)

    def open(
        self,
        training: TrainingPass,
        stack: Stack,
        loss: Float[Tensor, " active"],
        active: Int64[Tensor, " active"],
    ) -> Copied | Measured:
        """Begin the sample of a step, after its forward pass; its row i is of run `active[i]`."""
        outputs = training.activity()
        if bytes_of(stack, outputs) > ROOM // 4:
            return Measured(stack, loss, active, outputs)
        return Copied(stack, loss, active, outputs)

    def close(
        self,
        step: int,
        sample: Copied | Measured,
        only: Int64[Tensor, " sampled"] | None = None,
    ) -> None:
        """Add the sample of `step`. `only` these of its rows count."""
        self.steps.append(step)
        self._losses.append(self._spread(sample.loss, sample.active))
        present = self._everyone
        if only is not None or len(sample.active) < self.runs:
            sampled = sample.active if only is None else sample.active[only]
            present = torch.zeros_like(self._everyone).index_fill_(0, sampled, True)
        self._present.append(present)
        if isinstance(sample, Measured) or not are_alike(sample, self._waiting):
            self.measure()
        if isinstance(sample, Measured):
            self._values.append(self._spread(sample.values(), sample.active))
            return
        self._waiting.append(sample)
        if sample.bytes * len(self._waiting) > ROOM:
            self.measure()

    def measure(self) -> None:
        """Measure the samples that wait to be measured together."""
        waiting, self._waiting = self._waiting, []
        for values in measured_together(waiting, self.activations):
            self._values.append(self._spread(values, waiting[0].active))

    def _spread(self, values: Tensor, active: Int64[Tensor, " active"]) -> Tensor:
        """The rows of `values` where they belong among all runs, NaN for those that have left."""
        if len(active) == self.runs:
            return values
        full = values.new_full((self.runs, *values.shape[1:]), torch.nan)
        full[active.to(values.device)] = values
        return full

    @property
    def values(self) -> Float[Tensor, "samples runs layers quantities"]:
        self.measure()
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


def _joined(parts: list[Tensor], empty: Tensor) -> Tensor:
    return torch.stack([part.cpu() for part in parts]) if parts else empty
