"""Movement: the gradients that steps were taken with, and how far they moved the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf, isfinite

import torch
from torch import Tensor

from descend.watching.anatomy import Anatomy

ALONG = 1 << 12  # numbers of a parameter that tell whether a step goes along the gradient


class Movement:
    """The gradients, weights and changes of one sampled step, parameter by parameter.

    Gradients are those that the optimizer is given: after unscaling, after clipping.
    """

    def __init__(self, anatomy: Anatomy) -> None:
        self.parts = list(anatomy.parts.values())
        self.weights = [weight for part in self.parts for weight in part.weights]
        self.gradients: list[Tensor | None] = [None] * len(self.weights)
        self.sizes: list[Tensor | None] = [None] * len(self.weights)
        self.changes: list[Tensor | None] = [None] * len(self.weights)
        self.copies: dict[int, Tensor] = {}
        self.dots: list[Tensor] = []

    @torch.no_grad()
    def before(self, moving: Iterable[int] | None = None) -> None:
        """Before the parameters with these ids, or all, are moved: keep where they are."""
        ids = None if moving is None else set(moving)
        own = [
            place
            for place, weight in enumerate(self.weights)
            if (ids is None or id(weight) in ids) and self.changes[place] is None
        ]
        missing = [place for place, size in enumerate(self.sizes) if size is None]
        sizes = norms([self.weights[place].detach() for place in missing])
        for place, norm in zip(missing, sizes, strict=True):
            self.sizes[place] = norm
        for place in own:
            if place not in self.copies:
                self.copies[place] = self.weights[place].detach().clone()

    @torch.no_grad()
    def slope(self, moving: Iterable[int] | None = None) -> None:
        """The gradients as they are: of those that are about to move, and of others if unknown."""
        ids = None if moving is None else set(moving)
        found = {
            place: weight.grad
            for place, weight in enumerate(self.weights)
            if weight.grad is not None
            and (ids is None or id(weight) in ids or self.gradients[place] is None)
        }
        values = norms([dense(gradient) for gradient in found.values()])
        for place, norm in zip(found, values, strict=True):
            self.gradients[place] = norm

    @torch.no_grad()
    def after(self) -> None:
        """After they were moved."""
        places = list(self.copies)
        changes = [self.weights[place].detach() - self.copies[place] for place in places]
        self.copies.clear()
        for place, norm, change in zip(places, norms(changes), changes, strict=True):
            self.changes[place] = norm
            gradient = self.weights[place].grad
            if gradient is not None and not gradient.is_sparse:
                self.dots.append(_dots(change, gradient))

    @torch.no_grad()
    def has_moved(self) -> bool:
        """Whether the weights are no longer where they were."""
        return any(
            not torch.equal(self.weights[place].detach(), copy)
            for place, copy in self.copies.items()
        )

    def along(self) -> float | None:
        """The cosine between the step and the gradient, None where nobody can say."""
        dots, self.dots = self.dots, []
        if not dots:
            return None
        along, change, gradient = torch.stack([one.cpu() for one in dots]).sum(dim=0).tolist()
        sizes = (change * gradient) ** 0.5
        # numbers that are none, or too large to be multiplied, go nowhere
        return float(along / sizes) if 0 < sizes < inf and isfinite(along) else None

    def values(self) -> Tensor:
        """Norms of gradients, weights and changes: (3, parts), NaN where not measured.

        A weight without a gradient has one of size 0; one that nobody moved has changed by 0.
        """
        was_seen = any(size is not None for size in self.sizes)
        absent = 0.0 if was_seen else torch.nan
        return torch.stack(
            [
                self._by_part(self.gradients, absent),
                self._by_part(self.sizes, torch.nan),
                self._by_part(self.changes, absent),
            ]
        )

    def _by_part(self, found: Sequence[Tensor | None], absent: float) -> Tensor:
        squares = torch.zeros(len(self.parts), dtype=torch.float64)
        if not self.weights:
            return squares
        part_of = [place for place, part in enumerate(self.parts) for _ in part.weights]
        known = fetched([one for one in found if one is not None])
        norms_of = [absent if one is None else next(known) for one in found]
        wide = torch.tensor(norms_of, dtype=torch.float64)
        return squares.index_add_(0, torch.tensor(part_of), wide.square()).sqrt_()


def norms(tensors: Sequence[Tensor]) -> Sequence[Tensor]:
    """The Euclidean norm of each, in float32 at least."""
    if not tensors:
        return []
    real = [torch.view_as_real(one) if one.is_complex() else one for one in tensors]
    wide = torch.float64 if real[0].dtype is torch.float64 else torch.float32
    found: Sequence[Tensor] = torch._foreach_norm(real, 2, dtype=wide)
    return found


def size_of(tensors: Sequence[Tensor]) -> float:
    """The Euclidean norm of all together."""
    return float(sum(norm**2 for norm in fetched(norms(tensors))) ** 0.5)


def fetched(numbers: Sequence[Tensor]) -> Iterator[float]:
    """Numbers of any device, in one go for each."""
    devices = {one.device for one in numbers}
    if len(devices) == 1:
        yield from torch.stack([one.double() for one in numbers]).tolist()
    else:
        yield from (float(one) for one in numbers)


def is_zero(gradient: Tensor) -> bool:
    """Whether a gradient is 0 throughout; mostly its first numbers tell that it is not."""
    flat = dense(gradient).flatten()
    return not bool(flat[:ALONG].any()) and not bool(flat.any())


def dense(gradient: Tensor) -> Tensor:
    """The values of a gradient, sparse or not."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient.detach()


def _dots(change: Tensor, gradient: Tensor) -> Tensor:
    """(3,): change · gradient, and the squares of both."""
    if change.is_complex():
        change, gradient = torch.view_as_real(change), torch.view_as_real(gradient.detach())
    some, slope = change.flatten()[:ALONG].float(), gradient.detach().flatten()[:ALONG].float()
    return torch.stack([torch.dot(some, slope), torch.dot(some, some), torch.dot(slope, slope)])
