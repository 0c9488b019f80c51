"""Progress: what a training says between two advances, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor


@dataclass(frozen=True)
class Machine:
    """How far a restricted Boltzmann machine is: `epoch` of `epochs` are done.

    layer: whose it is, from 1 on, of `layers` that have one; the error is the mean over the runs.
    """

    layer: int
    layers: int
    epoch: int
    epochs: int
    reconstruction_error: float


@dataclass(frozen=True)
class Progress:
    """How far a training is; loss and metrics are means over the active runs.

    machine: what is trained before the first step, then None; until then the loss is NaN.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    metrics: dict[str, float]
    active: int
    seconds: float
    machine: Machine | None = None

    @property
    def share(self) -> float:
        """What is done, from 0 to 1: of the steps, or of the machines while these are trained."""
        if (machine := self.machine) is None:
            return self.step / self.steps
        return (machine.layer - 1 + machine.epoch / machine.epochs) / machine.layers


@runtime_checkable
class Watcher(Protocol):
    """What a training talks to between two advances."""

    def tell(self, progress: Progress) -> None: ...

    def wants_checkpoint(self) -> bool: ...

    def save(self, state: dict[str, Tensor]) -> None: ...

    def wants_to_stop(self) -> bool: ...
