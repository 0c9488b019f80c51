"""Known: what is known beside a training, and the records that it completes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars

from descend.data.examples import Examples
from descend.diagnosis.reading import curves_of
from descend.diagnosis.recording import record_of
from descend.diagnosis.units import units_of
from descend.findings.course import LEARNS, end_loss
from descend.findings.fork import Fork
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.network.stack import Stack
from descend.runs.weights import alone
from descend.training.training import Training


@dataclass(frozen=True)
class Known:
    """What is known beside a training: records from before it, baselines, and forks.

    before: of the first networks of the training, be it of all or of some; forks: of these, or
    none at all.
    """

    before: Sequence[Record]
    baselines: Mapping[str, float]
    forks: Sequence[Mapping[str, Fork]] = ()

    def records(
        self,
        training: Training,
        stack: Stack,
        examples: Examples,
        metrics: Sequence[Mapping[str, float]],
    ) -> list[Record]:
        """The records of a training as far as it is; stack: all its networks; metrics: of each."""
        history = training.history.frame()
        records = [
            record_of(
                training,
                run,
                list(before.layers),
                before.profile,
                curves=curves_of(history.filter(polars.col("run") == run)),
                metrics=metrics[run] if training.is_over else {},
            )
            for run, before in enumerate(self.before)
        ]
        return self.complete(records, stack, examples)

    def complete(self, records: Sequence[Record], stack: Stack, examples: Examples) -> list[Record]:
        """The records with what is not read from a training itself."""
        completed = []
        for run, (record, before) in enumerate(zip(records, self.before, strict=True)):
            units = units_of(alone(stack, run), examples)
            completed.append(
                replace(
                    with_first_step(record, before),
                    layers=before.layers,
                    known_profile=before.profile,
                    second_loss=before.second_loss,
                    curvature=before.curvature,
                    seeds=len(records),
                    baselines=self.baselines,
                    forks=self.forks[run] if self.forks else {},
                    units={name: values[0] for name, values in units.items()},
                )
            )
        return with_shares(completed)


def with_first_step(record: Record, before: Record) -> Record:
    """The record with the first step as it was looked at before, where none was measured."""
    is_there = len(record.steps) and record.steps[0] == 0
    is_other = not len(before.steps) or any(layer.init == "rbm" for layer in before.layers)
    if is_there or is_other:
        return record
    return replace(
        record,
        steps=np.concatenate([before.steps, record.steps]),
        losses=np.concatenate([before.losses, record.losses]),
        quantities={
            name: np.concatenate([values, record.quantities[name]])
            for name, values in before.quantities.items()
        },
    )


def with_shares(records: Sequence[Record]) -> list[Record]:
    """The records with the share of them that learn as the best one does.

    None does where the best one does not; otherwise those that came seven tenths of its way.
    """
    try:
        ends, chance = [end_loss(record) for record in records], records[0].chance_loss
    except NotMeasured:
        return list(records)
    best = min(ends)
    limit = best + 0.3 * (chance - best) if best < LEARNS * chance else -math.inf
    share = sum(end <= limit for end in ends) / len(ends)
    return [replace(record, learning_share=share) for record in records]
