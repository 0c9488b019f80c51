"""Profile: what a diagnosis knows of the examples, as the network sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Columns:
    """Statistics of each column of inputs or targets, (columns,) each."""

    mean: Numbers
    std: Numbers
    least: Numbers
    most: Numbers

    @classmethod
    def of(cls, values: Numbers) -> Columns:
        """The statistics of (examples, columns)."""
        return cls(values.mean(axis=0), values.std(axis=0), values.min(axis=0), values.max(axis=0))

    @property
    def size(self) -> float:
        """The root mean square of all values."""
        return float(np.sqrt(np.mean(self.mean**2 + self.std**2)))

    @property
    def sizes(self) -> Numbers:
        """The root mean square of each column."""
        sizes: Numbers = np.sqrt(self.mean**2 + self.std**2)
        return sizes

    @property
    def is_constant(self) -> NDArray[np.bool_]:
        """Which columns hold one value only."""
        constant: NDArray[np.bool_] = self.least == self.most
        return constant


@dataclass(frozen=True, eq=False)
class Profile:
    """The examples of a recipe.

    inputs: columns of each split, prepared; raw: of the training part, as they came.
    targets: columns of the training part as the loss sees them; absent for classes.
    raw_targets: of numbers and of labels, as they came.
    class_counts: of the training part, by class. outputs: how many the task needs.
    chance_loss: the loss of the best answer that ignores the inputs, absent where there is no
    formula for it; chance_accuracy: that of always the largest class.
    first: some prepared training inputs, (examples, columns), for what needs values;
    first_targets: theirs, class numbers (examples,) or numbers (examples, columns). held_out,
    held_out_targets: the same of the validation or the test examples, whichever are more.
    """

    task: str
    examples: Mapping[str, int]
    outputs: int
    inputs: Mapping[str, Columns]
    raw: Columns
    first: Numbers
    first_targets: Numbers | None = None
    targets: Columns | None = None
    raw_targets: Columns | None = None
    class_counts: Numbers | None = None
    chance_loss: float | None = None
    chance_accuracy: float | None = None
    held_out: Numbers | None = None
    held_out_targets: Numbers | None = None

    @property
    def features(self) -> int:
        return len(self.raw.mean)

    @property
    def labels(self) -> int | None:
        """How many classes there are, absent where targets are numbers."""
        return None if self.class_counts is None else len(self.class_counts)
