"""Curve: the loss of every backward pass, sampled or not, where it is at hand for nothing."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from math import isfinite

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

LARGE = 4.0  # a factor beyond is one of mixed precision, which changes from step to step
LOST = 3  # losses in a row that are no numbers

Numbers = NDArray[np.float64]


class Curve:
    """What backward passes began with, on a CPU: elsewhere each would have to be waited for.

    is_on: whether it can be had; factor: by what the loss is multiplied there, as samples show it.
    """

    def __init__(self) -> None:
        self.values = array("d")
        self.is_on = False
        self._factors: list[tuple[int, float]] = [(0, 1.0)]

    def look(self, root: Tensor, factor: float) -> None:
        """Learn from a sampled backward pass what the next ones will begin with."""
        was_on = self.is_on
        self.is_on = root.is_cpu and root.numel() == 1 and 0 < abs(factor) <= LARGE
        if self.is_on and not was_on:
            self.values.append(root.item())
        if self.is_on and factor != self._factors[-1][1]:
            self._factors.append((len(self.values) - 1, factor))

    @property
    def is_lost(self) -> bool:
        """Whether the last losses were no numbers; one alone may be left out by the loop."""
        last = self.values[-LOST:]
        return len(last) == LOST and not any(map(isfinite, last))

    @property
    def ends_lost(self) -> bool:
        """Whether the very last loss was no number."""
        return len(self.values) > 0 and not isfinite(self.values[-1])

    @property
    def is_lost_now(self) -> bool:
        """Whether the last loss is no number, and the one before it was one."""
        *before, last = self.values[-2:]
        return not isfinite(last) and all(map(isfinite, before))

    @property
    def losses(self) -> Numbers:
        """(passes,), without their factors."""
        places = [place for place, _ in self._factors]
        factors = np.array([factor for _, factor in self._factors])
        values = np.array(self.values, dtype=np.float64)
        which = [bisect_right(places, place) - 1 for place in range(len(values))]
        divided: Numbers = values / factors[which]
        return divided
