"""What all update rules share: settings and state with one row per run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from functools import partial
from typing import ClassVar

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.errors import RunError
from descend.optimizers.optimizer import Again, Part
from descend.optimizers.settings import SWITCHES, Value, settings_of
from descend.optimizers.step_table import StepTable

PARTS = 8  # of a step at most, as each has to be set up
PART = 3 << 18  # numbers of theta that are not worth being parted
UNIT = 64  # columns: vector instructions end where they do in the whole, so bits are the same


class Rule(ABC):
    """Settings, learning rates and state of an update rule; a rule adds its `step`.

    `settings` holds tensors of shape (runs, 1), pairs such as `betas` of shape (runs, 2); what is
    missing takes torch's default. They stay in float64, so that 1 - β₂ = 0.001 is exact before it
    is rounded to theta's type. Every other tensor that a rule holds has one row per run as well.
    """

    name: ClassVar[str]
    memory: tuple[str, ...] = ()
    """The attributes that a later step depends on, beside `steps` and `lr`."""
    is_elementwise: ClassVar[bool] = True
    """Whether what happens to a parameter depends on its own numbers alone."""

    def __init__(
        self, theta: Float[Tensor, "runs parameters"], settings: Mapping[str, Tensor]
    ) -> None:
        self.steps = 0
        self.parameters = theta.shape[1]
        self.dtype = theta.dtype
        self.numbers = _complete(self.name, theta, settings)
        self.lr = self.constant(self.numbers["lr"])

    @abstractmethod
    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        """Moves `theta` in place; see `Optimizer.step`."""

    def parts(
        self, theta: Float[Tensor, "runs parameters"], gradient: Float[Tensor, "runs parameters"]
    ) -> Iterator[Part]:
        """See `Optimizer.parts`; each is a step of the same rule on fewer parameters."""
        size = UNIT * -(-max(self.parameters // PARTS, PART // len(theta)) // UNIT)
        if size >= self.parameters or not self.is_elementwise:
            yield Part(slice(0, self.parameters), partial(self.step, theta, gradient))
            return
        for first in range(0, self.parameters, size):
            columns = slice(first, min(first + size, self.parameters))
            part = self._of(columns)
            yield Part(columns, partial(part.step, theta[:, columns], gradient[:, columns]))
        for name in {"steps", *self.memory} - self._with_columns():
            setattr(self, name, getattr(part, name))

    def _of(self, columns: slice) -> Rule:
        """The same rule for these columns, which it shares; what else changes is its own."""
        part = copy(self)
        for name in self._with_columns():
            setattr(part, name, getattr(self, name)[:, columns])
        return part

    def _with_columns(self) -> set[str]:
        """The attributes that have a number for each parameter."""
        return {
            name
            for name, value in vars(self).items()
            if isinstance(value, Tensor) and value.shape[1:] == (self.parameters,)
        }

    def set_lr(self, lr: Float[Tensor, "runs 1"]) -> None:
        self.lr = lr.to(self.dtype)

    def state(self) -> dict[str, Tensor]:
        state = {name: getattr(self, name) for name in self.memory}
        return {**state, "lr": self.lr.contiguous(), "steps": torch.tensor(self.steps)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        for name in self.memory:
            mine = getattr(self, name)
            mine.copy_(self.recall(state, name, mine.shape))
        self.steps = int(self.recall(state, "steps", ()))
        lr = self.recall(state, "lr", self.lr.shape)
        self.set_lr(lr.to(self.lr.device, copy=True))

    def recall(self, state: Mapping[str, Tensor], name: str, shape: Sequence[int]) -> Tensor:
        """The tensor of that name; raises RunError if the state is another network's or rule's."""
        if name in state and state[name].shape == tuple(shape):
            return state[name]
        given = f"shape {tuple(state[name].shape)}" if name in state else "nothing"
        raise RunError(
            f"the state of {self.name} has {given} as `{name}`, expected shape {tuple(shape)}",
            hint="the checkpoint belongs to another network or another optimizer",
        )

    def keep(self, rows: Int64[Tensor, "kept"]) -> None:
        self.numbers = {name: number[rows] for name, number in self.numbers.items()}
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, _rows(value, rows))
            elif isinstance(value, StepTable):
                value.keep(rows)

    def constant(self, numbers: Float[Tensor, "runs numbers"]) -> Float[Tensor, "runs numbers"]:
        """The numbers in theta's type, one storage for all runs where all have the same.

        A stride of 0 makes operations on many small runs 2 to 3 times faster, and changes no bit.
        """
        numbers = numbers.to(self.dtype)
        is_shared = bool((numbers == numbers[:1]).all())
        return numbers[:1].expand_as(numbers) if is_shared else numbers

    def unless_zero(self, number: Float[Tensor, "runs 1"]) -> Float[Tensor, "runs 1"] | None:
        """The number in theta's type, or None where it is 0 in every run: its term can be left out.

        Leaving it out changes no bit of a finite run, so a stack may lose runs and be resumed.
        """
        return self.constant(number) if bool(number.any()) else None


def _rows(tensor: Tensor, rows: Int64[Tensor, "kept"]) -> Tensor:
    """These rows; a number that all runs share stays shared."""
    if tensor.stride(0) == 0:
        return tensor[:1].expand(len(rows), -1)
    return tensor[rows]


def _complete(
    name: str, theta: Float[Tensor, "runs parameters"], settings: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The numeric settings of all runs in float64, defaults included."""

    def number(setting: str, default: Value) -> Tensor:
        if setting in settings:
            return settings[setting].to(device=theta.device, dtype=torch.float64)
        values = [float("nan") if default is None else default]
        row = torch.tensor(values, dtype=torch.float64, device=theta.device)
        return row.reshape(1, -1).repeat(theta.shape[0], 1)

    defaults = settings_of(name).items()
    return {key: number(key, default) for key, default in defaults if key not in SWITCHES}
