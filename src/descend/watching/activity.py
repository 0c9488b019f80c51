"""Activity: what the layers of somebody's network give in one forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.hooks import RemovableHandle

from descend.network.activations import ACTIVATIONS, Identity
from descend.trace.measurements import activity
from descend.watching.anatomy import Anatomy, Part
from descend.watching.graph import BENT, Found, Node, follow, parents
from descend.watching.tensors import first_tensor, tensors_in

MOST = 1 << 22  # numbers of an output that are looked at; of a larger one, its first examples
CALLS = 4  # of one layer in one pass that are looked at
COLUMNS = 7  # mean, spread, zeros, dead, saturated, difference between examples, signal

Hook = Callable[..., None]
Guard = Callable[[Hook], Hook]

APPLIED: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": functional.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "exp": torch.exp,
}


@dataclass
class Kept:
    """What a module gave, until the pass is over: the tensor itself, or its first examples.

    version: how often it had been overwritten by then, None of a copy.
    """

    node: Node
    value: Tensor
    version: int | None

    @property
    def is_overwritten(self) -> bool:
        """Whether an operation in place has put its own result there."""
        return self.version is not None and self.value._version != self.version


@dataclass(frozen=True)
class Reading:
    """What one layer was seen to give.

    values: (COLUMNS,), not yet fetched; alive: (units,), which of a ReLU layer's units answered to
    any example; examples: how many there were.
    """

    part: Part
    found: Found
    values: Tensor
    alive: Tensor | None
    examples: int


@dataclass
class ForwardPass:
    """Hooks on the modules of a network for one forward pass, and what they saw.

    guard: makes a hook that never fails of one that may.
    """

    anatomy: Anatomy
    guard: Guard
    outputs: list[tuple[Part, Kept]] = field(default_factory=list)
    activations: list[tuple[str, Kept]] = field(default_factory=list)
    inputs: list[Tensor] = field(default_factory=list)
    called: set[nn.Module] = field(default_factory=set)
    dropout: dict[int, float] = field(default_factory=dict)
    handles: list[RemovableHandle] = field(default_factory=list)

    def attach(self) -> None:
        """Put a hook on every module that is worth looking at."""
        seen: dict[nn.Module, Hook] = {}
        seen |= dict.fromkeys(self.anatomy.owners, self._called)
        seen |= dict.fromkeys(self.anatomy.moded, self._called)
        seen |= dict.fromkeys(self.anatomy.activations, self._activated)
        seen |= dict.fromkeys(self.anatomy.parts, self._gave)
        self.handles = [
            module.register_forward_hook(self.guard(hook))
            for module, hook in seen.items()
            if module not in self.anatomy.hidden
        ]

    def detach(self) -> None:
        """Take the hooks off, and forget all tensors."""
        for handle in self.handles:
            handle.remove()
        self.handles, self.outputs, self.activations, self.inputs = [], [], [], []

    def _called(self, module: nn.Module, given: Any, output: Any) -> None:
        self.called.add(module)
        if isinstance(module, nn.Dropout) and self.outputs and module.training:
            self.dropout[self.outputs[-1][0].number] = module.p

    def _activated(self, module: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor):
            self.activations.append((self.anatomy.activations[module], kept(output)))

    def _gave(self, module: nn.Module, given: Any, output: Any) -> None:
        part = self.anatomy.parts.get(module)
        if part is None:  # a copy of the module, of a network in parallel on several devices
            return
        self.called.add(module)
        self.anatomy.call(part)
        value = first_tensor(output)
        self.inputs += [one for one in tensors_in(given) if one.grad_fn is not None]
        if value is not None and value.is_floating_point():
            self.outputs.append((part, kept(value)))

    def read(self, outputs: Any) -> list[Reading]:
        """What each call of a layer gave, in order; outputs: of the network."""
        starts = {
            one.node: call for call, (_, one) in enumerate(self.outputs) if one.node is not None
        }
        ends = [*self.inputs, *tensors_in(outputs)]
        behind = follow(ends, starts)
        by_node = {one.node: one for _, one in self.activations if one.node is not None}
        calls: dict[int, int] = {}
        readings = []
        for call, (part, one) in enumerate(self.outputs):
            calls[part.number] = calls.get(part.number, 0) + 1
            if calls[part.number] > CALLS:
                continue
            found = behind.get(call, Found(BENT))
            value = _activated(one, found, by_node)
            readings.append(_reading(part, found, value, one.value.shape))
        return readings


def kept(output: Tensor) -> Kept:
    """A tensor until the pass is over, without its graph."""
    node, value = output.grad_fn, output.detach()
    if value.numel() <= MOST or value.dim() < 2:
        return Kept(node, value, None if value.is_inference() else value._version)
    rows = max(1, MOST * len(value) // value.numel())
    return Kept(node, value[:rows].clone(), None)


def _activated(one: Kept, found: Found, by_node: Mapping[Node, Kept]) -> Tensor | None:
    """What the activation behind a layer gave, None where that is not at hand.

    Where nobody knows what stands behind it, what the layer gave itself.
    """
    if found.activation in ("identity", BENT):
        return one.value
    if (own := by_node.get(found.node)) is not None:
        return own.value
    if found.node is None or one.node not in parents(found.node):
        return None
    if one.is_overwritten:
        return one.value
    apply = APPLIED.get(found.activation)
    return None if apply is None else apply(one.value)


def _reading(part: Part, found: Found, a: Tensor | None, shape: Sequence[int]) -> Reading:
    if a is None or not a.numel():
        nothing = torch.full((COLUMNS,), torch.nan)
        return Reading(part, found, nothing, None, 0)
    if a.dtype in (torch.float16, torch.bfloat16):
        a = a.float()
    known = ACTIVATIONS.get(found.activation, Identity)()
    by_unit = _by_unit(a, part, shape)
    values = [one[0] for one in activity(known, by_unit)]
    values[0] = torch.where(values[0].isnan(), torch.inf, values[0])  # NaN: nobody has looked
    alive = by_unit[0].amax(dim=0) > 0 if found.activation == "relu" else None
    values += _differences(a)
    return Reading(part, found, torch.stack(values), alive, len(a) if a.dim() > 1 else 1)


def _by_unit(a: Tensor, part: Part, shape: Sequence[int]) -> Tensor:
    """(1, examples and places, units)."""
    if part.unit_axis == 1 and a.dim() > 2 and a.shape[1] == shape[1]:
        a = a.movedim(1, -1)
    return a.reshape(1, -1, a.shape[-1] if a.dim() else 1)


def _differences(a: Tensor) -> list[Tensor]:
    """By how much examples differ beside their size, and by how much at all."""
    if a.dim() < 2 or len(a) < 2:
        return [a.new_full((), torch.nan)] * 2
    mean = a.mean(dim=0)
    square = (a - mean).square_().mean()  # torch's own variance takes one number after the other
    size = (square + mean.square_().mean()).sqrt_()
    spread = square.sqrt_()
    return [spread / size.clamp_(min=1e-30), spread]


def mean_alone(mean: float) -> Tensor:
    """(COLUMNS,) of which nothing is known but the mean."""
    values = torch.full((COLUMNS,), torch.nan, dtype=torch.float64)
    values[0] = mean
    return values


def by_part(readings: Sequence[Reading]) -> Iterator[tuple[Part, list[Reading]]]:
    """The readings of each layer."""
    groups: dict[Part, list[Reading]] = {}
    for reading in readings:
        groups.setdefault(reading.part, []).append(reading)
    yield from groups.items()
