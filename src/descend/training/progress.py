"""Progress: what a training says between two advances, and to whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor


@dataclass(frozen=True)
class Progress:
    """How far a training is; loss and metrics are means over the active runs."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    metrics: dict[str, float]
    active: int
    seconds: float


@runtime_checkable
class Watcher(Protocol):
    """What a training talks to between two advances."""

    def tell(self, progress: Progress) -> None: ...

    def wants_checkpoint(self) -> bool: ...

    def save(self, state: dict[str, Tensor]) -> None: ...

    def wants_to_stop(self) -> bool: ...
