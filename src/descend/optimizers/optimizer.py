"""What the training loop asks of an optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from jaxtyping import Float, Int64
from torch import Tensor

Again = Callable[[], Float[Tensor, "runs"]]
"""Recomputes the loss of every run and refills the gradient buffer at the present parameters."""


class Part(NamedTuple):
    """A part of a step: `move` moves these columns of theta, and no others."""

    columns: slice
    move: Callable[[], None]


@runtime_checkable
class Optimizer(Protocol):
    """An update rule for all runs of a stack at once, each with hyper-parameters of its own.

    `lr` has shape (runs, 1); a schedule overwrites it through `set_lr` before a step.
    """

    lr: Float[Tensor, "runs 1"]

    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        """Moves `theta` in place, given the gradient of the loss there.

        The gradient buffer is consumed: what it holds afterwards means nothing.
        Only LBFGS needs more than the gradient: `again()` for every further point that it tries,
        and `loss`, the losses that belong to `gradient` (without it they cost one more `again()`).
        Both must be of the same objective as the gradient, penalties included.
        """
        ...

    def parts(
        self, theta: Float[Tensor, "runs parameters"], gradient: Float[Tensor, "runs parameters"]
    ) -> Iterable[Part]:
        """The same step, bit for bit, in parts that fit into a processor's cache where it can be.

        Whoever asks for them has to move all of them, in their order.
        """
        ...

    def set_lr(self, lr: Float[Tensor, "runs 1"]) -> None:
        """Changes the learning rates from the next step on."""
        ...

    def state(self) -> dict[str, Tensor]:
        """All that is needed to continue bit for bit; not copies, except of the step counter."""
        ...

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continues where `state` was taken."""
        ...

    def keep(self, rows: Int64[Tensor, "kept"]) -> None:
        """Lets every run but these leave the stack."""
        ...
