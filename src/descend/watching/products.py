"""Products: class numbers by which a loss multiplies the logarithms of all outputs, in its graph.

So comes what a cross-entropy for one-hot targets makes of labels of shape (n, 1).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from descend.watching.graph import Node, kind_of, parents, saved

# what may lie between the loss and a product
ON_THE_WAY = {
    "Add",
    "Alias",
    "Clone",
    "Mean",
    "MulConstant",
    "Neg",
    "Reshape",
    "Squeeze",
    "Sum",
    "ToCopy",
    "View",
}
OF_PROBABILITIES = ON_THE_WAY | {"Log", "Clamp", "ClampMin", "Div"}  # between it and a softmax
MOST = 20  # operations


@dataclass(frozen=True)
class Product:
    """Targets times logarithms: their shapes, and the range of the targets."""

    target_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    least: float
    most: float


@torch.no_grad()
def product_with_labels(root: Tensor) -> Product | None:
    """The product that a loss is the mean or the sum of, where its targets are class numbers.

    One class number for all outputs of an example, and nothing is added to their product.
    """
    node: Node = root.grad_fn
    for _ in range(MOST):
        if (labels := _factor(node)) is not None:
            break
        if kind_of(node) not in ON_THE_WAY or len(parents(node)) != 1:
            return None
        (node,) = parents(node)
    else:
        return None
    given, made = tuple(labels.shape), tuple(node._input_metadata[0].shape)
    if given != (*made[:-1], 1) or made[-1] < 2 or not _are_logarithms(node):
        return None
    numbers = labels.double()  # booleans have no sign, and round to nothing
    least, most = map(float, (numbers if (numbers > 0).any() else -numbers).aminmax())
    is_mask = most < 2 < made[-1]  # of 0 and 1 over more than two classes
    are_classes = bool((numbers == numbers.round()).all()) and 0 <= least < most <= made[-1]
    are_classes &= labels.dtype != torch.bool and not is_mask
    return Product(given, made, least, most) if are_classes else None


def _factor(node: Node) -> Tensor | None:
    """What a product takes beside what depends on weights, more than one number."""
    if kind_of(node) != "MulConstant":
        return None
    kept = (saved(node, name) for name in ("self", "other"))
    return next((one for one in kept if one is not None and one.numel() > 1), None)


def _are_logarithms(product: Node) -> bool:
    """Whether it takes the logarithms of all classes' probabilities, and not of a chosen one's."""
    (node,) = parents(product)
    has_logarithm = False
    for _ in range(MOST):
        kind = kind_of(node)
        has_logarithm = has_logarithm or kind in ("Log", "LogSoftmax")
        if kind in ("Softmax", "LogSoftmax"):
            return has_logarithm
        if kind not in OF_PROBABILITIES or not parents(node) or _factor(node) is not None:
            return False
        node = parents(node)[0]
    return False
