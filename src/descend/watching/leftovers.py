"""Leftovers: gradients that a step has used already, and that the next one would use again."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from descend.watching.movement import fetched, norms


class Leftovers:
    """What was left of earlier gradients in one sampled step, parameter by parameter.

    carried: whether what an earlier step has used is still part of the gradient; empty where there
    was no earlier step.
    """

    def __init__(self, parameters: Mapping[str, nn.Parameter]) -> None:
        self.parameters = parameters
        self.carried: dict[str, bool] = {}
        self._sizes: dict[str, float] = {}
        self._copies: dict[str, Tensor] = {}
        self._added: dict[str, float] = {}

    def before_backward(self, *, is_first: bool, has_moved: bool) -> None:
        """Look at what a backward pass is about to add to."""
        if not has_moved:
            return
        looked_at = {
            name: one for name, one in gradients_of(self.parameters).items() if not one.is_sparse
        }
        found = zip(looked_at, fetched(norms(list(looked_at.values()))), strict=True)
        sizes = {name: size for name, size in found if size > 0}
        if is_first:
            self.carried = {name: name in sizes for name in self.parameters}
            self._sizes = sizes
            self._copies = {name: looked_at[name].detach().clone() for name in sizes}
        else:
            self.carried = {name: was and name in sizes for name, was in self.carried.items()}

    def after_backward(self) -> None:
        """See what the backward pass has added."""
        gradients = gradients_of(self.parameters)
        copies, self._copies = self._copies, {}
        added = [gradients[name] - left for name, left in copies.items() if name in gradients]
        self._added = dict(zip(copies, fetched(norms(added)), strict=False))

    def judge(self, ids: set[int] | None = None) -> tuple[bool, float | None] | None:
        """Whether the parameters with these ids, or all, are about to move along something used.

        And how large it was beside what was added. None where no step went before.
        """
        own = [
            name
            for name, one in self.parameters.items()
            if name in self.carried and (ids is None or id(one) in ids)
        ]
        if not own:
            return None
        stale = [name for name in own if self.carried.pop(name)]
        added = _together(self._added, stale)
        return bool(stale), _together(self._sizes, stale) / added if added else None


def gradients_of(parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """The gradients that there are, by the names of their parameters."""
    return {name: one.grad for name, one in parameters.items() if one.grad is not None}


def states_of(parameters: Mapping[str, nn.Parameter]) -> dict[str, tuple[int, int]]:
    """What differs of a gradient that was added to, or replaced."""
    return {
        name: (id(one), 0 if one.is_sparse else one._version)
        for name, one in gradients_of(parameters).items()
    }


def _together(sizes: Mapping[str, float], names: list[str]) -> float:
    return float(torch.tensor([sizes.get(name, 0.0) for name in names]).norm())
