"""Curve: the loss of every step, sampled or not, as far as it is at hand for nothing."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

LARGE = 4.0  # a factor beyond is one of mixed precision, which changes from step to step
WINDOWS = 50  # means that a training's loss is told in
LOST = 3  # losses in a row that are no numbers

Numbers = NDArray[np.float64]


class Curve:
    """What backward passes began with, on a CPU: elsewhere each would have to be waited for.

    factor: by what the loss is multiplied there, as the last sample showed it.
    """

    def __init__(self) -> None:
        self.values = array("d")
        self.steps = array("q")
        self.factor = 1.0
        self.lost = 0

    def add(self, step: int, root: Any) -> bool:
        """Keep a loss; whether it is a number."""
        if not isinstance(root, Tensor) or root.numel() != 1 or root.device.type != "cpu":
            return True
        value = root.item()
        is_number = math.isfinite(value)
        self.lost = 0 if is_number else self.lost + 1
        if abs(self.factor) <= LARGE:
            self.values.append(value / (self.factor or 1.0))
            self.steps.append(step)
        return is_number

    @property
    def by_step(self) -> tuple[NDArray[np.int64], Numbers]:
        """Steps, and the mean loss of each."""
        steps, places = np.unique(np.array(self.steps, dtype=np.int64), return_inverse=True)
        values = np.array(self.values, dtype=np.float64)
        counts = np.maximum(np.bincount(places, minlength=len(steps)), 1)
        with np.errstate(invalid="ignore"):
            return steps, np.bincount(places, values, minlength=len(steps)) / counts
