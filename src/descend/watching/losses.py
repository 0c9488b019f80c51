"""Losses: which loss a loop makes small, of what outputs and targets, read off its graph.

A criterion that is given says it by itself; otherwise the operations between the network's outputs
and what `backward` is called of do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from descend.watching.graph import Node, kind_of, parents
from descend.watching.tensors import tensors_in

NODES: Mapping[str, tuple[str, str]] = {
    "NllLoss": ("nll", "logits"),
    "NllLoss2D": ("nll", "logits"),
    "BinaryCrossEntropy": ("bce", "probabilities"),
    "BinaryCrossEntropyWithLogits": ("bce", "logits"),
    "MseLoss": ("mse", "logits"),
    "SmoothL1Loss": ("huber", "logits"),
    "HuberLoss": ("huber", "logits"),
}
CRITERIA: Mapping[type[nn.Module], tuple[str, str]] = {
    nn.CrossEntropyLoss: ("cross_entropy", "logits"),
    nn.NLLLoss: ("nll", "logits"),
    nn.BCELoss: ("bce", "probabilities"),
    nn.BCEWithLogitsLoss: ("bce", "logits"),
    nn.MSELoss: ("mse", "logits"),
    nn.L1Loss: ("l1", "logits"),
    nn.SmoothL1Loss: ("huber", "logits"),
    nn.HuberLoss: ("huber", "logits"),
}
SCALING = {"MulConstant", "Neg", "View", "Squeeze", "Clone", "ToCopy", "Alias", "Reshape"}
REDUCTIONS = ("none", "mean", "sum")
MOST = 50  # operations between what is made small and the loss


@dataclass
class LossSeen:
    """A loss as one backward pass showed it.

    name, taken_for: as a recipe has `loss` and `loss_on`; reduction: "mean" or "sum".
    value: without factors such as 1 / accumulated batches or the scale of mixed precision; factor:
    that of the gradient that went into it, below 0 where the loss was negated.
    outputs, targets: what it was given; output_shape: before anything was broadcast.
    is_plain: nothing is weighted, smoothed or left out.
    """

    value: Tensor | None = None
    factor: Tensor | None = None
    name: str | None = None
    taken_for: str | None = None
    reduction: str | None = None
    outputs: Tensor | None = None
    targets: Tensor | None = None
    output_shape: tuple[int, ...] | None = None
    target_shape: tuple[int, ...] | None = None
    is_plain: bool = True
    factors: list[Tensor] = field(default_factory=list)


def read_loss(root: Any, is_output: Callable[[Node], bool]) -> LossSeen:
    """What is known before a backward pass from `root`; the factor, once it has begun."""
    seen = LossSeen()
    if not isinstance(root, Tensor) or root.numel() != 1 or root.grad_fn is None:
        return seen
    head = root.grad_fn
    while kind_of(head) in SCALING and len(parents(head)) == 1:
        (head,) = parents(head)
    seen.value = root.detach().reshape(())
    if head is not root.grad_fn:
        head.register_prehook(lambda slopes: _keep_factor(seen, slopes))
    for node in _nodes(head):
        if (named := NODES.get(kind_of(node))) is not None:
            _describe(seen, node, named, is_output)
            break
    return seen


def read_criterion(criterion: nn.Module, given: tuple[Any, ...], seen: LossSeen) -> LossSeen:
    """What a criterion is made of and was given."""
    outputs, targets, *_ = (*tensors_in(given), None, None)
    known = CRITERIA.get(type(criterion))
    if known is not None:
        seen.name, seen.taken_for = known
        seen.reduction = str(criterion.reduction)
        seen.is_plain = (
            getattr(criterion, "weight", None) is None
            and not getattr(criterion, "label_smoothing", 0.0)
            and getattr(criterion, "pos_weight", None) is None
        )
    if outputs is not None and targets is not None:
        seen.outputs, seen.targets = outputs.detach(), targets.detach()
        seen.output_shape, seen.target_shape = tuple(outputs.shape), tuple(targets.shape)
    return seen


def loss_value(seen: LossSeen) -> Tensor | None:
    """The loss without its factor."""
    if seen.value is None or seen.factor is None:
        return seen.value
    return seen.value / seen.factor


def _keep_factor(seen: LossSeen, slopes: tuple[Tensor | None, ...]) -> None:
    if slopes and slopes[0] is not None and slopes[0].numel() == 1:
        seen.factor = slopes[0].detach().reshape(()).to(torch.float32)


def _nodes(head: Node) -> list[Node]:
    """The first operations behind a loss, nearest first."""
    found, seen = [head], {head}
    for node in found:
        if len(found) >= MOST or kind_of(node) in NODES:
            break
        for parent in parents(node):
            if parent not in seen:
                seen.add(parent)
                found.append(parent)
    return found


def _describe(
    seen: LossSeen, node: Node, named: tuple[str, str], is_output: Callable[[Node], bool]
) -> None:
    seen.name, seen.taken_for = named
    seen.reduction = REDUCTIONS[node._saved_reduction]
    seen.is_plain = getattr(node, "_saved_weight", None) is None
    before = parents(node)
    behind = before[0] if before else None
    if named[0] == "nll" and behind is not None and kind_of(behind) == "LogSoftmax":
        # where the network's own last operation is the log-softmax, the loss is the rest
        seen.name = "nll" if is_output(behind) else "cross_entropy"
    seen.outputs, seen.targets = node._saved_self.detach(), node._saved_target.detach()
    seen.output_shape = tuple(seen.outputs.shape)
    seen.target_shape = tuple(seen.targets.shape)
    if behind is not None and kind_of(behind) == "Expand":
        seen.output_shape = tuple(behind._saved_self_sym_sizes)
    seen.target_shape = _unexpanded(seen.targets)


def _unexpanded(targets: Tensor) -> tuple[int, ...]:
    """The shape that a tensor had before it was broadcast."""
    shape = list(targets.shape)
    strides = list(targets.stride())
    while shape and strides[0] == 0 and shape[0] > 1:
        shape, strides = shape[1:], strides[1:]
    return tuple(
        1 if stride == 0 and size > 1 else size for size, stride in zip(shape, strides, strict=True)
    )
