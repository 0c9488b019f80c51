"""Subject: what a preflight asks of a network, be it of a recipe or anybody's module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

ROWS = 32  # examples of the batch
STEPS = 500  # of Adam on it, at most
RATES = (1e-2, 1e-3, 1e-1)


@dataclass(frozen=True)
class Fit:
    """The best of several trainings on the batch, with Adam, without dropout and penalties.

    losses: before each step, then after the last; gradients: of each layer the largest root mean
    square of its gradient, None where it never got one; moves: how far each layer went, in the
    size of its weights.
    """

    losses: Sequence[float]
    gradients: Sequence[float | None]
    moves: Sequence[float]


@dataclass(frozen=True)
class Answers:
    """Outputs (batch, …) and what they change of the loss: dL/d outputs, of the same shape."""

    outputs: Tensor
    slopes: Tensor


class Twin(Protocol):
    """A copy in float64 whose loss can be asked again and again, the same at the same weights.

    parameters: by name, flat views that may be written to.
    """

    @property
    def parameters(self) -> Mapping[str, Tensor]: ...

    def loss(self) -> float: ...

    def gradients(self) -> Mapping[str, Tensor]:
        """The gradient of each parameter that gets one, flat."""
        ...


class Subject(Protocol):
    """A network with a batch and a loss; nothing that is asked of it changes the original.

    x, y: the batch, examples first; loss: the name of the loss in a recipe's words where it has
    one and averages. layers: their names; frozen: those that are not to be trained; normalised:
    those that normalise over the batch.
    """

    x: Tensor
    y: Tensor
    loss: str | None
    layers: Sequence[str]
    frozen: Sequence[str]
    normalised: Sequence[str]

    def fit(self, enough: float) -> Fit:
        """Train on the batch until the loss is `enough`, or for `STEPS` steps."""
        ...

    def answers(self, x: Tensor, y: Tensor) -> Answers:
        """What the network says of a batch as in training, but with nothing normalised over it."""
        ...

    def twin(self) -> Twin | None:
        """A copy in float64; None where it cannot compute in that."""
        ...
