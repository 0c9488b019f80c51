"""Graph: what autograd's graph says of the operations between the layers of somebody's network.

A node stands for the operation that gave a tensor. Nothing here keeps one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

Node = Any  # torch.autograd.graph.Node, whose saved values no type checker knows

ACTIVATIONS = {
    "Relu": "relu",
    "Sigmoid": "sigmoid",
    "Tanh": "tanh",
    "LeakyRelu": "leaky_relu",
    "Gelu": "gelu",
    "Silu": "silu",
    "Softplus": "softplus",
    "Exp": "exp",
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
}
OTHERS = {  # activations that no rule knows by name
    "Hardtanh",
    "Hardswish",
    "Hardsigmoid",
    "Mish",
    "Celu",
    "PreluKernel",
    "LogSigmoid",
    "Rrelu",
    "RreluWithNoise",
    "Glu",
    "Threshold",
    "Softshrink",
    "Hardshrink",
    "Sin",
    "Cos",
    "Abs",
    "Pow",
    "Clamp",
}
NORMS = {"NativeBatchNorm", "CudnnBatchNorm", "MiopenBatchNorm"}
STRAIGHT = {  # what bends nothing
    "Add",
    "Alias",
    "AsStrided",
    "Cat",
    "Clone",
    "Expand",
    "Index",
    "Mean",
    "MulConstant",
    "Neg",
    "NativeDropout",
    "Permute",
    "Repeat",
    "Reshape",
    "ReshapeAlias",
    "Select",
    "Slice",
    "Split",
    "Squeeze",
    "Stack",
    "Sub",
    "Sum",
    "T",
    "ToCopy",
    "Transpose",
    "Unbind",
    "UnsafeSplit",
    "UnsafeView",
    "Unsqueeze",
    "View",
    "AvgPool2D",
    "MkldnnReshape",
    "AdaptiveAvgPool2D",
    "ConstantPadNd",
} | NORMS
MILD = {  # what leaves an activation in front of it what it is
    "MaxPool1D",
    "MaxPool2DWithIndices",
    "MaxPool3DWithIndices",
    "AdaptiveMaxPool2D",
    "NativeLayerNorm",
    "NativeGroupNorm",
    "FusedRmsNorm",
}
LOSSES = {
    "NllLoss",
    "NllLoss2D",
    "MseLoss",
    "BinaryCrossEntropy",
    "BinaryCrossEntropyWithLogits",
    "SmoothL1Loss",
    "HuberLoss",
}
BENT = "bent"  # by something that no rule knows
MOST = 2000  # nodes that are looked at

SELU_SCALE = 1.0507009873554805


@dataclass(frozen=True)
class Found:
    """What follows a layer: an activation by its name, and the node of it.

    norm: whether batch normalisation stands "before" or "after" it.
    """

    activation: str = "identity"
    node: Node = None
    norm: str = ""


def kind_of(node: Node) -> str:
    """The name of an operation without its ending: `Relu` of `ReluBackward0`."""
    name: str = node.name()
    name = name.partition("Backward")[0]
    if name in ("Mul", "Div") and len(parents(node)) < 2:
        return "MulConstant"
    return name.rstrip("0123456789")


def parents(node: Node) -> list[Node]:
    """The operations whose results an operation was given, as far as they depend on weights."""
    return [one for one, _ in node.next_functions if one is not None]


def saved(node: Node, name: str) -> Tensor | None:
    """What an operation keeps under `_saved_` and this name, without its graph.

    None where it keeps no such tensor, where a hook might have to compute it anew, and where it is
    gone: the backward pass will say so.
    """
    raw = getattr(node, f"_raw_saved_{name}", None)
    if raw is None or getattr(raw, "unpack_hook", None) is not None:
        return None
    try:
        kept = getattr(node, f"_saved_{name}")
    except RuntimeError:  # it was freed, or changed in place
        return None
    return kept.detach() if isinstance(kept, Tensor) else None


def exponent_of(power: Node) -> float | None:
    """The exponent of a power; None of one that is no number."""
    exponent = power._saved_exponent
    return float(exponent) if isinstance(exponent, int | float) else None


def activation_at(node: Node) -> str | None:
    """The name of the activation that an operation is, `bent` for one that no rule knows."""
    kind = kind_of(node)
    if kind == "Elu":
        return "selu" if abs(float(node._saved_scale) - SELU_SCALE) < 1e-6 else "elu"
    if kind in ACTIVATIONS:
        return ACTIVATIONS[kind]
    return BENT if kind in OTHERS else None


def follow(ends: Iterable[Tensor], starts: Mapping[Node, int]) -> dict[int, Found]:
    """What stands behind each layer, from the tensors that go into others, or out of the network.

    starts: the numbers of layers by the nodes of what they gave. A layer whose results take several
    ways has the activation on any of them, and one that no rule knows where any is bent otherwise.
    """
    found: dict[int, Found] = {}
    for start, behind in _ways(ends, starts):
        before = found.get(start)
        is_bent = behind.activation == BENT
        if before is None or is_bent or before.activation == "identity":
            found[start] = behind
    return found


def _ways(ends: Iterable[Tensor], starts: Mapping[Node, int]) -> Iterator[tuple[int, Found]]:
    """Every way from an end back to a layer, with the activation nearest to the layer."""
    waiting: list[tuple[Node, Found]] = [
        (end.grad_fn, Found()) for end in ends if end.grad_fn is not None
    ]
    seen: set[tuple[Node, Found]] = set()
    while waiting and len(seen) < MOST:
        node, behind = waiting.pop()
        if (node, behind) in seen:
            continue
        seen.add((node, behind))
        if node in starts:
            yield starts[node], behind
        elif kind_of(node) in LOSSES:  # a network that gives its loss: before it, its outputs
            waiting += [(parent, Found()) for parent in before_loss(node)]
        else:
            behind = _passed(node, behind)
            waiting += [(parent, behind) for parent in parents(node)]


def before_loss(node: Node) -> list[Node]:
    """What gave the outputs that a loss was made of: cross-entropy is a log-softmax and a loss."""
    behind = parents(node)
    if kind_of(node).startswith("Nll") and behind and kind_of(behind[0]) == "LogSoftmax":
        return parents(behind[0])
    return behind


def _passed(node: Node, behind: Found) -> Found:
    """What stands behind a layer in front of this operation."""
    kind = kind_of(node)
    activation = activation_at(node)
    if kind == "Log":  # which is not known by itself
        return Found(BENT, node)
    if activation == "softmax" and behind.node is not None and kind_of(behind.node) == "Log":
        activation = "log_softmax"
    if activation is not None:
        return Found(activation, node, "after" if behind.norm else "")
    if kind in NORMS:
        is_bent = behind.activation != "identity"
        return Found(behind.activation, behind.node, "before" if is_bent else "after")
    if kind in STRAIGHT or (kind in MILD and behind.activation != "identity"):
        return behind
    return Found(BENT)
