"""Trial: what a change makes of the network, trained as long as it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HELPS = 0.1  # of the way from chance to perfection
TIMES = 2.0  # standard errors

# What is tried where no finding has named a remedy.
ADAM, RELU, WIDER, NARROWER = "adam", "relu", "wider", "narrower"
LARGER_BATCHES, BENDING_LAYER = "larger batches", "a hidden layer that bends"
SHALLOWER = "fewer layers"


@dataclass(frozen=True)
class Trial:
    """The middle seed's score with the edits and without: 0 is chance, 1 perfection.

    error: the standard error of the better one, by the number of examples that judge both.
    """

    edits: Mapping[str, Any]
    as_it_is: float
    changed: float
    error: float = 0.0

    @property
    def gain(self) -> float:
        """What the change brings; what is below chance is worth no more than chance."""
        return max(self.changed, 0.0) - max(self.as_it_is, 0.0)

    @property
    def helps(self) -> bool:
        """Whether the change makes a difference that matters, and is none of chance."""
        return self.gain > max(HELPS, TIMES * self.error)

    def __str__(self) -> str:
        before, after = (f"{max(score, 0.0):.2f}" for score in (self.as_it_is, self.changed))
        return f"{before} of what there is to learn, {after} with the change"
