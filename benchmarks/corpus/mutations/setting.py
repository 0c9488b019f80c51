"""Setting: a problem with a recipe for it, into which a fault is put."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from .problems import Problem, Rng


@dataclass
class Setting:
    """A problem and a recipe for it. layers: those in which the fault sits, from 0, output last."""

    problem: Problem
    tree: dict[str, Any]
    layers: list[int] = field(default_factory=list)

    @property
    def hidden(self) -> list[dict[str, Any]]:
        layers: list[dict[str, Any]] = self.tree["network"]["layers"]
        return layers

    @property
    def network(self) -> dict[str, Any]:
        network: dict[str, Any] = self.tree["network"]
        return network

    @property
    def training(self) -> dict[str, Any]:
        training: dict[str, Any] = self.tree["training"]
        return training

    @property
    def task(self) -> str:
        return self.problem.task

    @property
    def batches(self) -> int:
        """In an epoch."""
        size: int = self.training["batch_size"]
        return -(-len(self.problem.arrays.x) // size)

    def copy(self) -> Setting:
        return Setting(self.problem, deepcopy(self.tree))

    def with_arrays(self, **changes: Any) -> Setting:
        """The same with other examples."""
        self.problem = replace(self.problem, arrays=replace(self.problem.arrays, **changes))
        return self

    def everywhere(self, **settings: Any) -> Setting:
        """The same with all hidden layers so."""
        for layer in self.hidden:
            layer.update(settings)
        self.layers = list(range(len(self.hidden)))
        return self

    def somewhere(self, rng: Rng, **settings: Any) -> Setting:
        """The same with one hidden layer so."""
        place = int(rng.integers(len(self.hidden)))
        self.hidden[place].update(settings)
        self.layers = [place]
        return self

    def deep(self, layers: int, **settings: Any) -> Setting:
        """The same with so many hidden layers, all alike."""
        self.network["layers"] = [{**self.hidden[0], **settings} for _ in range(layers)]
        return self

    def headed(self, output: str, **also: Any) -> Setting:
        """The same with another last activation."""
        self.network["output"] = output
        for name, value in also.items():
            (self.network if name == "outputs" else self.training)[name] = value
        self.layers = [len(self.hidden)]
        return self

    def trained(self, **settings: Any) -> Setting:
        """The same with the training so."""
        self.training.update(settings)
        return self


Apply = Callable[[Setting, Rng], Setting | None]


@dataclass(frozen=True)
class Mutation:
    """A fault. also: causes that are as right; is_structural: a fault whatever the score says.

    is_curable: False where it sits in the examples, so that no recipe mends it.
    """

    cause: str
    apply: Apply
    also: tuple[str, ...] = ()
    is_structural: bool = False
    is_curable: bool = True


def only(*tasks: str) -> Callable[[Apply], Apply]:
    """For some tasks only."""

    def made(apply: Apply) -> Apply:
        return lambda setting, rng: apply(setting, rng) if setting.task in tasks else None

    return made


# What as well may be named, where the cause is the one before.
HIGH = ("exploding_gradient", "oscillating_loss", "dying_relu", "saturated_activation", "nan_loss")
LOW = ("too_few_epochs", "slow_convergence", "optimizer_choice")
MIXED = ("no_signal", "label_mismatch", "wrong_training_pair", "label_noise")
OFF = ("output_activation_wrong", "output_range", "loss_task_mismatch")
