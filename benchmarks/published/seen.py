"""Seen: what a monitor sees of one network's training, and all that a published rule may use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Range = tuple[float, float]


@dataclass(frozen=True, eq=False)
class Seen:
    """A look is at one step: after its backward pass, before its update.

    steps: of the looks, counted from 0; epochs: for each epoch that began the look at its first
    batch, then the last look of all, which may be the same as the one before.
    layers: quantities by layer, (looks, layers) each; network: of the whole, (looks,) each.
    curves: by epoch, with names as "train/loss" or "held out/accuracy".
    alpha and sharpness of the network are NaN but at a few looks.
    inputs, targets: the least and the largest number that the network and the loss are given.
    planned_steps: of the whole training, however much of it was seen.
    """

    task: str
    loss: str
    loss_on: str
    optimizer: str
    lr: float
    is_plain: bool  # each step is the rate times the gradient
    activations: tuple[str, ...]
    dropouts: tuple[float, ...]
    inputs: Range
    targets: Range
    target_spread: float
    steps: NDArray[np.int64]
    epochs: NDArray[np.int64]
    layers: Mapping[str, Numbers]
    network: Mapping[str, Numbers]
    curves: Mapping[str, Numbers]
    planned_steps: int = 1

    @property
    def is_classification(self) -> bool:
        """Whether there is an accuracy to speak of."""
        return self.task in ("binary", "multiclass")

    @property
    def takes_probabilities(self) -> bool:
        """Whether the loss is one of classes that takes probabilities."""
        return self.loss in ("bce", "cross_entropy") and self.loss_on == "probabilities"

    def after(self, epochs: int) -> int:
        """The look at the weights after so many epochs, or the last one."""
        return int(self.epochs[min(epochs, len(self.epochs) - 1)])

    def checks(self, every: int) -> list[int]:
        """The numbers of epochs after which somebody looks who does so after every so many."""
        last = len(self.epochs) - 1
        return [*range(every, last, every), last]

    @property
    def each_epoch(self) -> NDArray[np.int64]:
        """The look of each epoch, and the last one if it is another."""
        return np.unique(self.epochs)

    def curve(self, name: str, epochs: int | None = None) -> Numbers:
        """A curve up to that many epochs; empty where it was not taken."""
        return self.curves.get(name, np.empty(0))[:epochs]

    def step(self, look: int) -> int:
        """The step of a look."""
        return int(self.steps[look])


def first(where: Any) -> tuple[int, int] | None:
    """The first look, and its first layer counted from 1, at which it is so: (looks, layers)."""
    places = np.argwhere(where)
    return (int(places[0][0]), int(places[0][1]) + 1) if len(places) else None


def stays(values: Numbers, times: int) -> NDArray[np.bool_]:
    """Where a number has been the same for so many looks, (looks, …)."""
    same = np.zeros(values.shape, dtype=bool)
    for last in range(times - 1, len(values)):
        window = values[last - times + 1 : last + 1]
        same[last] = (window == window[-1]).all(axis=0)
    return same
