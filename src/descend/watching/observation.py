"""Observation: all that was seen of a loop so far."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars
from torch import nn

from descend.findings.loop import Loop
from descend.findings.record import Record
from descend.watching.anatomy import Anatomy, anatomy_of
from descend.watching.conduct import Conduct
from descend.watching.curve import Curve
from descend.watching.examples import Gathered
from descend.watching.losses import LossSeen
from descend.watching.recording import LayerSeen, first_facts, record_of
from descend.watching.sample import Sample
from descend.watching.samples import Samples


class Observation:
    """What the samples, the losses of the other steps and the order of events have shown.

    settings: of the loss, under the names of a recipe; is_over: nothing more will be seen.
    """

    def __init__(self, model: nn.Module) -> None:
        self.anatomy: Anatomy = anatomy_of(model)
        self.conduct, self.samples, self.gathered = Conduct(), Samples(), Gathered()
        self.curve = Curve()
        self.layers: list[LayerSeen] = []
        self.settings: dict[str, Any] = {}
        self.is_over = False
        self._is_plain = True
        self._on_outputs: str | None = None
        self._facts: dict[str, dict[str, float]] | None = None

    @property
    def is_lost(self) -> bool:
        """Whether the loss is no number any more."""
        rows = self.samples.rows
        if not self.curve.values:
            return bool(rows and rows[-1].is_lost)
        return self.curve.ends_lost if self.is_over else self.curve.is_lost

    @property
    def loop(self) -> Loop:
        """What the loop did."""
        return self.conduct.loop(self.anatomy)

    def look_at_loss(self, seen: LossSeen) -> None:
        """Keep what a backward pass has shown of the loss."""
        if seen.head is not None:
            self.curve.look(seen.head, seen.factor)
        if seen.name is not None:
            self._is_plain, self._on_outputs = seen.is_plain, seen.activation
            self.settings = {
                "loss": seen.name,
                "loss_on": seen.taken_for,
                "reduction": seen.reduction,
            }

    def look_at_weights(self) -> None:
        """Keep what the weights are like before the first step; later ones tell nothing of it."""
        if self._facts is None:
            called = () if self.conduct.order.has_moved else self.anatomy.order
            self._facts = {part.name: first_facts(part) for part in called}

    def forget_beginning(self) -> None:
        """The loop has begun before anybody watched."""
        self._facts = {}

    def keep(self, sample: Sample) -> None:
        """Keep a sample of a step that is over; of a loss that is no number only the first."""
        self.anatomy.number_unseen()
        for part in self.anatomy.order[len(self.layers) :]:
            self.layers.append(LayerSeen(part, (self._facts or {}).get(part.name, {})))
        for reading in sample.readings:
            self.layers[reading.part.number - 1].add(reading)
        for number, share in sample.dropout.items():
            self.layers[number - 1].dropout = share
        row, rows = sample.row(), self.samples.rows
        if not (row.is_lost and rows and rows[-1].is_lost):
            rows.append(row)
            self.conduct.has_lost_inputs = sample.has_lost_inputs

    def record(self, status: str, steps: int, of_optimizers: Mapping[str, Any]) -> Record:
        """What is known of the loop by now; steps: how many it has had."""
        settings = {
            **self.settings,
            **of_optimizers,
            "batch_size": self.gathered.batch_size,
        }
        return record_of(
            self.layers,
            self.samples if self.is_lost else self.samples.known,
            self.gathered,
            self.loop,
            settings,
            "diverged" if self.is_lost else status,
            planned=steps if status != "running" else 0,
            all_losses=self.curve.losses,
            is_plain=self._is_plain,
            on_outputs=self._on_outputs,
        )

    def trace(self) -> polars.DataFrame:
        """The samples as the table of a trace."""
        return self.samples.frame(len(self.layers))

    def metrics(self, steps: int) -> polars.DataFrame:
        """The loss of each step, or of those that were sampled where the others were not seen.

        Where a step has several backward passes, each step is taken to have as many.
        """
        losses, sampled = self.curve.losses, self.samples.steps
        if len(losses) >= len(sampled) > 0:
            first = int(sampled[0])
            per_step = max(1.0, len(losses) / max(1, steps - first))
            sampled = first + (np.arange(len(losses)) / per_step).astype(np.int64)
        else:
            losses = self.samples.losses
        frame = polars.DataFrame({"step": sampled, "train/loss": losses})
        means = frame.group_by("step", maintain_order=True).mean()
        return means.select(polars.lit(0, polars.Int32).alias("run"), "step", "train/loss")
