"""Movement: the gradients that steps were taken with, and how far they moved the weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from descend.watching.anatomy import Anatomy

ALONG = 1 << 16  # numbers of a parameter that tell whether a step goes along the gradient


class Movement:
    """The gradients, weights and changes of one sampled step, parameter by parameter.

    Gradients are those that the optimizer is given: after unscaling, after clipping.
    """

    def __init__(self, anatomy: Anatomy) -> None:
        self.weights = [weight for part in anatomy.order for weight in part.weights]
        self.layer_of = [part.number - 1 for part in anatomy.order for _ in part.weights]
        self.layers = len(anatomy.order)
        self.gradients: list[Tensor | None] = [None] * len(self.weights)
        self.sizes: list[Tensor | None] = [None] * len(self.weights)
        self.changes: list[Tensor | None] = [None] * len(self.weights)
        self.copies: dict[int, Tensor] = {}
        self.along: list[Tensor] = []

    @torch.no_grad()
    def before(self, moving: set[int]) -> None:
        """Before a step of an optimizer that has the parameters with these ids."""
        own = [
            place
            for place, weight in enumerate(self.weights)
            if id(weight) in moving and self.changes[place] is None and place not in self.copies
        ]
        others = [place for place, size in enumerate(self.sizes) if size is None]
        self._measure(sorted({*own, *others}))
        for place in own:
            self.copies[place] = self.weights[place].detach().clone()

    @torch.no_grad()
    def after(self) -> None:
        """After the step."""
        places = list(self.copies)
        changes = [self.weights[place].detach() - self.copies[place] for place in places]
        self.copies.clear()
        for place, norm, change in zip(places, norms(changes), changes, strict=True):
            self.changes[place] = norm
            gradient = self.weights[place].grad
            if gradient is not None and not gradient.is_sparse:
                self.along.append(_dot(change, gradient))

    def gradient(self) -> None:
        """After a backward pass that no step of an optimizer is known to follow."""
        self._measure(range(len(self.weights)))

    def _measure(self, places: Sequence[int]) -> None:
        found = {place: self.weights[place].grad for place in places}
        with_gradient = [place for place, gradient in found.items() if gradient is not None]
        sizes = norms([_dense(found[place]) for place in with_gradient])
        for place, norm in zip(with_gradient, sizes, strict=True):
            self.gradients[place] = norm
        weights = norms([self.weights[place].detach() for place in places])
        for place, norm in zip(places, weights, strict=True):
            self.sizes[place] = norm

    def values(self) -> tuple[Tensor, Tensor, Tensor]:
        """Norms of gradients, weights and changes: (layers,) each, NaN where not measured."""
        return (
            self._by_layer(self.gradients, 0.0 if any(self.sizes) else torch.nan),
            self._by_layer(self.sizes, torch.nan),
            self._by_layer(self.changes, torch.nan),
        )

    def _by_layer(self, found: Sequence[Tensor | None], absent: float) -> Tensor:
        """Norms of layers from those of their parameters."""
        squares = torch.zeros(self.layers, dtype=torch.float64)
        if not self.weights:
            return squares
        nothing = torch.tensor(absent, dtype=torch.float64)
        known = [nothing if one is None else one.detach().double().cpu() for one in found]
        squares.index_add_(0, torch.tensor(self.layer_of), torch.stack(known).square())
        return squares.sqrt_()

    def goes_along(self) -> Tensor | None:
        """Above 0 where the step went along the gradient, None where nobody can say."""
        return torch.stack([one.cpu() for one in self.along]).sum() if self.along else None


def norms(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The Euclidean norm of each, in float32 at least."""
    if not tensors:
        return []
    wide = torch.float64 if tensors[0].dtype is torch.float64 else torch.float32
    found: Sequence[Tensor] = torch._foreach_norm(list(tensors), 2, dtype=wide)
    return found


def _dense(gradient: Tensor | None) -> Tensor:
    assert gradient is not None
    return gradient.coalesce().values() if gradient.is_sparse else gradient.detach()


def _dot(change: Tensor, gradient: Tensor) -> Tensor:
    some, slope = change.flatten()[:ALONG], gradient.detach().flatten()[:ALONG]
    return torch.dot(some.float(), slope.float())
