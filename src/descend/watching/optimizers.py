"""Optimizers: which of them step over the network's parameters, and with which settings."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Mapping
from typing import Any

from torch.optim import Optimizer

from descend.optimizers.settings import OPTIMIZER_SETTINGS

NAMES: Mapping[str, str] = {
    "SGD": "sgd",
    "Adam": "adam",
    "AdamW": "adamw",
    "Adamax": "adamax",
    "Adagrad": "adagrad",
    "Adadelta": "adadelta",
    "RMSprop": "rmsprop",
    "Rprop": "rprop",
    "ASGD": "asgd",
    "LBFGS": "lbfgs",
    "SparseAdam": "sparse_adam",
}


class Optimizers:
    """Those that were given, and those that were seen to step over parameters of the network.

    moving: the ids of all parameters that they have.
    """

    def __init__(self, given: Iterable[Optimizer]) -> None:
        self._known: dict[int, tuple[weakref.ref[Optimizer], bool]] = {}
        self._parameters: set[int] = set()
        self._stepped: set[int] = set()
        self.moving: set[int] = set()
        self.count = 0
        self.lr: float | None = None
        self.settings: dict[str, Any] = {}
        for optimizer in given:
            self._meet(optimizer, is_ours=True)

    @property
    def known(self) -> dict[str, Any]:
        """What a recipe would say of them, as far as it was seen."""
        return {**self.settings, "lr": self.lr}

    def know(self, parameters: Iterable[Any]) -> None:
        """The network's parameters."""
        self._parameters = {id(one) for one in parameters}

    def is_ours(self, optimizer: Optimizer) -> bool:
        """Whether an optimizer has a parameter of the network."""
        known = self._known.get(id(optimizer))
        if known is not None and known[0]() is optimizer:
            return known[1]
        return self._meet(optimizer, bool(self._parameters & ids_of(optimizer)))

    def is_new(self, optimizer: Optimizer) -> bool:
        """Whether an optimizer steps for the first time."""
        key = id(optimizer)
        if key in self._stepped:
            return False
        self._stepped.add(key)
        return True

    def look(self, optimizer: Optimizer) -> set[int]:
        """The ids of the parameters that it has now; its settings are kept."""
        ids = ids_of(optimizer)
        self.moving |= ids
        self._settle(optimizer)
        return ids

    def _meet(self, optimizer: Optimizer, is_ours: bool) -> bool:
        key = id(optimizer)
        gone = weakref.ref(optimizer, lambda _: self._forget(key))
        self._known[key] = gone, is_ours
        if is_ours:
            self.count += 1
            self.look(optimizer)
        return is_ours

    def _forget(self, key: int) -> None:
        """Another object may get the id of one that is gone."""
        self._known.pop(key, None)
        self._stepped.discard(key)

    def _settle(self, optimizer: Optimizer) -> None:
        group = optimizer.param_groups[0]
        lr = group.get("initial_lr", group.get("lr"))
        self.lr = max(float(lr), self.lr or 0.0) if lr is not None else self.lr
        name = NAMES.get(type(optimizer).__name__)
        if name is None or self.settings:
            return
        takes_momentum = "momentum" in OPTIMIZER_SETTINGS[name]
        self.settings = {
            "optimizer": name,
            "momentum": group.get("momentum") if takes_momentum else None,
            "weight_decay": group.get("weight_decay"),
        }


def ids_of(optimizer: Optimizer) -> set[int]:
    """The ids of the parameters that an optimizer has."""
    return {id(one) for group in optimizer.param_groups for one in group["params"]}
