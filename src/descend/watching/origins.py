"""Origins: which layer gave the first number that was none, in a pass that nobody had sampled.

The graph of the pass is still there when its loss is seen, and with it what each layer was given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from descend.watching.anatomy import Anatomy, Part
from descend.watching.graph import Node, kind_of, parents, saved

GIVEN = ("mat1", "input", "self")  # of linear maps and convolutions
ON_THE_WAY = {"T", "Transpose", "Permute", "View", "ToCopy", "Expand", "UnsafeView"}
MOST = 20_000  # operations that are looked at


@torch.no_grad()
def given_to(root: Tensor, anatomy: Anatomy) -> dict[Part, float]:
    """The mean of what each layer was given, infinite where it holds what is no number."""
    owners = {id(weight): part for part in anatomy.parts.values() for weight in part.weights}
    found: dict[Part, float] = {}
    for node in _nodes(root):
        part = _owner(node, owners)
        given = None if part is None else _given(node)
        if part is not None and given is not None:
            mean = float(given.double().mean())
            found[part] = mean if abs(mean) < torch.inf else torch.inf
    return found


def _nodes(root: Tensor) -> Iterator[Node]:
    found, seen = [root.grad_fn], {root.grad_fn}
    for node in found:
        yield node
        for parent in parents(node):
            if parent not in seen and len(found) < MOST:
                seen.add(parent)
                found.append(parent)


def _owner(node: Node, owners: Mapping[int, Part]) -> Part | None:
    """The layer whose weights an operation takes."""
    for parent in parents(node):
        while kind_of(parent) in ON_THE_WAY and len(parents(parent)) == 1:
            (parent,) = parents(parent)
        weight = getattr(parent, "variable", None)
        if weight is not None and id(weight) in owners:
            return owners[id(weight)]
    return None


def _given(node: Node) -> Tensor | None:
    """What an operation was given, as far as it keeps it."""
    return next((given for name in GIVEN if (given := saved(node, name)) is not None), None)
