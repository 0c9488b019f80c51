"""Fork: a short second training from the same beginning with one thing changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

END = 4  # one sample in so many, the last ones, make the loss at the end


@dataclass(frozen=True, eq=False)
class Fork:
    """What a fork came to: the same seed, the same batches, other settings.

    losses: at the sampled steps; status: "running" where it stood when it was left.
    """

    steps: NDArray[np.int64]
    losses: Numbers
    status: str = "running"
    metrics: Mapping[str, float] = field(default_factory=dict)

    @property
    def end(self) -> float:
        """The loss that it came to; infinite where it diverged."""
        return math.inf if self.status == "diverged" else end_of(self.losses)


def end_of(losses: Numbers) -> float:
    """The mean of the last quarter of the losses; infinite where one is not finite."""
    last = losses[-max(1, len(losses) // END) :]
    if not len(last) or not np.isfinite(last).all():
        return math.inf
    return float(last.mean())
