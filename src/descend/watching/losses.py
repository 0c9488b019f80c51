"""Losses: which loss a loop makes small, of what outputs and targets, read off its graph.

A criterion that is given says it by itself; otherwise the operations between the network's outputs
and what `backward` is called of do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import Tensor, nn

from descend.watching.graph import (
    Node,
    activation_at,
    before_loss,
    exponent_of,
    kind_of,
    parents,
)
from descend.watching.products import product_with_labels
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
DISTANCES = {"Pow": "mse", "Abs": "l1"}  # of a difference, under a mean or a sum
SCALING = {"MulConstant", "Neg", "View", "Squeeze", "Clone", "ToCopy", "Alias", "Reshape"}
IGNORED = -100  # the label that torch's losses leave out where nobody says another one
REDUCTIONS = ("none", "mean", "sum")
MOST = 50  # operations between what is made small and the loss


@dataclass
class LossSeen:
    """A loss as one backward pass showed it.

    name, taken_for: as a recipe has `loss` and `loss_on`; reduction: "mean" or "sum".
    head, root: what the backward pass begins with; scale: by what a loss was multiplied to become
    it, as accumulation and mixed precision do, None where it is the loss itself or more than that.
    slope: of the root by the loss.
    outputs, targets: what it was given; output_shape, target_shape: before they were broadcast.
    is_plain: nothing is weighted, smoothed or left out; ignored: the label that is left out.
    activation: what the loop itself applies to the outputs before the loss.
    label_factors: the least and the largest class number by which all outputs' logarithms are
    multiplied.
    """

    head: Tensor | None = None
    root: float | None = None
    scale: Tensor | None = None
    slope: Tensor | None = None
    name: str | None = None
    taken_for: str | None = None
    reduction: str | None = None
    outputs: Tensor | None = None
    targets: Tensor | None = None
    output_shape: tuple[int, ...] | None = None
    target_shape: tuple[int, ...] | None = None
    is_plain: bool = True
    ignored: int = IGNORED
    activation: str | None = None
    label_factors: tuple[float, float] | None = None

    @property
    def factor(self) -> float:
        """The root beside the loss."""
        return 1.0 if self.scale is None else float(self.scale)

    @property
    def is_negated(self) -> bool:
        """Whether a smaller root is a larger loss."""
        return self.slope is not None and float(self.slope) < 0

    @property
    def counts_classes(self) -> bool:
        """Whether the targets are class numbers."""
        is_of_classes = self.name in ("cross_entropy", "nll")
        return is_of_classes and self.targets is not None and not self.targets.is_floating_point()

    @property
    def width(self) -> int:
        """How many outputs stand for one example, which may come without a batch around it."""
        assert self.outputs is not None
        axis = 1 if self.outputs.dim() > 1 else 0
        has_several = axis == 1 or self.counts_classes
        return self.outputs.shape[axis] if has_several and self.outputs.dim() else 1

    def describe_as(self, given: LossSeen) -> None:
        """Believe a criterion more than the graph, but for a logarithm in front of it."""
        if (given.name, self.name) != ("nll", "cross_entropy"):
            self.name, self.taken_for = given.name, given.taken_for
        if given.reduction != "none":
            self.reduction = given.reduction
        self.is_plain = self.is_plain and given.is_plain
        self.outputs = self.targets = None
        self.slope = given.slope if self.slope is None else self.slope


def loss_value(seen: LossSeen) -> float | None:
    """The loss without what it was multiplied with."""
    return None if seen.root is None else seen.root / (seen.factor or 1.0)


def read_losses(root: Any, is_output: Callable[[Node], bool]) -> list[LossSeen]:
    """The losses that a backward pass from `root` begins with; the slopes, once it has begun.

    The first one holds what is known of the root; others that are added to it follow.
    """
    seen = LossSeen()
    found = [seen]
    if not isinstance(root, Tensor) or root.numel() != 1 or root.grad_fn is None:
        return found
    seen.head = root.detach()
    seen.root = float(seen.head)
    head: Node = root.grad_fn
    before: list[Node] = []  # operations nearer to the root
    while kind_of(head) in SCALING and len(parents(head)) == 1:
        before.append(head)
        (head,) = parents(head)
    for node in _nodes(head, is_output):
        if seen.name is None and _describe(seen, node, is_output):
            if seen.reduction == "none":
                seen.reduction = _reduction(before)
            # a hook that knew the node itself would keep the graph alive
            node.register_prehook(partial(_keep, seen, is_all=node is head))
        elif kind_of(node) in NODES:
            seen.is_plain = False
            found.append(LossSeen())
            _describe(found[-1], node, is_output)
        before.append(node)
    if seen.name is None and (product := product_with_labels(root)) is not None:
        seen.output_shape, seen.target_shape = product.output_shape, product.target_shape
        seen.label_factors = product.least, product.most
    return found


def _reduction(operations: Sequence[Node]) -> str | None:
    """What operations make of one loss for each example, where that can be said."""
    names = [node.name() for node in operations]
    if any(name.startswith("Mean") for name in names):
        return "mean"
    if not any(name.startswith("Sum") for name in names):
        return None
    return "mean" if any(name.startswith("Div") for name in names) else "sum"


def read_criterion(criterion: nn.Module, given: tuple[Any, ...], value: Any) -> LossSeen:
    """What a criterion is made of, and what it was given."""
    seen = LossSeen()
    outputs, targets, *_ = (*tensors_in(given), None, None)
    known = CRITERIA.get(type(criterion))
    if known is not None:
        seen.name, seen.taken_for = known
        seen.reduction = str(criterion.reduction)
        seen.ignored = getattr(criterion, "ignore_index", IGNORED)
        weights = (getattr(criterion, name, None) for name in ("weight", "pos_weight"))
        is_smoothed = bool(getattr(criterion, "label_smoothing", 0.0))
        seen.is_plain = not is_smoothed and all(one is None for one in weights)
    if outputs is not None and targets is not None:
        seen.outputs, seen.targets = outputs.detach(), targets.detach()
        seen.output_shape, seen.target_shape = tuple(outputs.shape), tuple(targets.shape)
    if isinstance(value, Tensor) and value.grad_fn is not None:
        node: Node = value.grad_fn
        node.register_prehook(partial(_keep, seen, is_all=False))
    return seen


def _keep(seen: LossSeen, slopes: tuple[Tensor | None, ...], is_all: bool) -> None:
    """A graph begins its way back: the slope of its root by the loss."""
    if slopes and slopes[0] is not None and slopes[0].numel() == 1:
        seen.slope = slopes[0].detach()
        seen.scale = seen.slope if is_all else None


def _nodes(head: Node, is_output: Callable[[Node], bool]) -> list[Node]:
    """The operations between the root and the network's outputs, nearest first."""
    found, seen = [head], {head}
    for node in found:
        if len(found) >= MOST:
            break
        is_end = is_output(node) or kind_of(node) in NODES
        for parent in () if is_end else parents(node):
            if parent not in seen:
                seen.add(parent)
                found.append(parent)
    return found


def _describe(seen: LossSeen, node: Node, is_output: Callable[[Node], bool]) -> bool:
    """Whether an operation is a loss; what is known of it then."""
    kind = kind_of(node)
    if kind in ("Mean", "Sum"):
        return _describe_distance(seen, node, kind.lower())
    if kind not in NODES:
        return False
    seen.name, seen.taken_for = NODES[kind]
    seen.reduction = REDUCTIONS[node._saved_reduction]
    seen.is_plain = getattr(node, "_saved_weight", None) is None
    seen.ignored = _signed(getattr(node, "_saved_ignore_index", IGNORED))
    seen.outputs, seen.targets = node._saved_self.detach(), node._saved_target.detach()
    seen.output_shape, seen.target_shape = tuple(seen.outputs.shape), _unexpanded(seen.targets)
    behind = next(iter(parents(node)), None)
    seen.activation = _activation(before_loss(node), is_output)
    if behind is not None and kind_of(behind) == "LogSoftmax" and seen.name == "nll":
        # where the network's own last operation is the log-softmax, the loss is the rest
        seen.name = "nll" if is_output(behind) else "cross_entropy"
    if behind is not None and kind_of(behind) == "Log" and seen.name == "nll":
        seen.name, seen.taken_for = "cross_entropy", "probabilities"
    if behind is not None and kind_of(behind) == "Expand":
        seen.output_shape = tuple(behind._saved_self_sym_sizes)
    return True


def _activation(nodes: Sequence[Node], is_output: Callable[[Node], bool]) -> str | None:
    """The activation on the way from a loss back to the network's outputs."""
    for _ in range(MOST):
        if len(nodes) != 1 or is_output(nodes[0]):
            return None
        if (name := activation_at(nodes[0])) is not None:
            return name
        nodes = parents(nodes[0])
    return None


def _describe_distance(seen: LossSeen, node: Node, reduction: str) -> bool:
    """The mean of squares or of sizes of differences, as people write it out."""
    (distance,) = parents(node) or (None,)
    if distance is None or kind_of(distance) not in DISTANCES:
        return False
    if kind_of(distance) == "Pow" and exponent_of(distance) != 2:
        return False
    (difference,) = parents(distance) or (None,)
    if difference is None or kind_of(difference) not in ("Sub", "Rsub"):
        return False
    seen.name, seen.taken_for, seen.reduction = DISTANCES[kind_of(distance)], "logits", reduction
    seen.output_shape, seen.target_shape = _all_with_all(difference)
    return True


def _all_with_all(difference: Node) -> tuple[tuple[int, ...], tuple[int, ...]] | tuple[None, None]:
    """The shapes of n outputs and n targets that make n × n differences, None of any others."""
    if len(parents(difference)) == 1:  # targets have no graph
        (outputs,) = parents(difference)
        given, compared = (tuple(node._input_metadata[0].shape) for node in (outputs, difference))
        n = compared[0] if len(compared) else 1
        if n > 1 and compared == (n, n) and given in ((n,), (n, 1)):
            return given, (n,) if given == (n, 1) else (n, 1)
    return None, None


def _unexpanded(targets: Tensor) -> tuple[int, ...]:
    """The shape that a tensor had before it was broadcast."""
    pairs = list(zip(targets.shape, targets.stride(), strict=True))
    while pairs and pairs[0][1] == 0 and pairs[0][0] > 1:
        pairs = pairs[1:]
    return tuple(1 if stride == 0 and size > 1 else size for size, stride in pairs)


def _signed(number: int) -> int:
    """A whole number of 64 bits that torch has read without its sign."""
    return number - (1 << 64) if number >= 1 << 63 else number
