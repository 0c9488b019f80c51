"""Watching a training that only a diagnosis is interested in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from descend.training.progress import Progress
from descend.training.training import Training

SAMPLES = 60  # of a first look
FIRST = 20  # steps that are all measured


@dataclass
class Quiet:
    """A watcher that keeps nothing. stop: asks to stop."""

    stop: Callable[[], bool] = lambda: False
    telling: Callable[[Progress], None] | None = None

    def tell(self, progress: Progress) -> None:
        if self.telling is not None:
            self.telling(progress)

    def wants_checkpoint(self) -> bool:
        return False

    def save(self, state: dict[str, Tensor]) -> None:
        return

    def wants_to_stop(self) -> bool:
        return self.stop()


def measured_densely(training: Training, steps: int) -> None:
    """Measure so often that the first `steps` steps give some sixty samples."""
    training.trace.first = max(training.trace.first, FIRST)
    training.trace.every = max(1, -(-steps // SAMPLES))
