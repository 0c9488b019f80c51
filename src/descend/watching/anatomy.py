"""Anatomy: which modules of a network are layers, and what else in it is worth looking at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from descend.network.torch_reader import ACTIVATIONS

KNOWN = (
    nn.Linear,
    nn.Bilinear,
    nn.modules.conv._ConvNd,
    nn.Embedding,
    nn.EmbeddingBag,
    nn.RNNBase,
    nn.RNNCellBase,
    nn.MultiheadAttention,
)
DROPOUT, NORM = "dropout", "batch norm"
Norm = nn.modules.batchnorm._BatchNorm


@dataclass(eq=False)
class Part:
    """A module of the network that is a layer.

    number: from 1, in the order of the first calls; 0 until it is called.
    weights: its parameters of two axes and more, which fan_in × fan_out counts.
    """

    name: str
    module: nn.Module
    weights: Sequence[nn.Parameter]
    number: int = 0

    @property
    def unit_axis(self) -> int:
        """The axis of its output along which its units lie."""
        return 1 if isinstance(self.module, nn.modules.conv._ConvNd) else -1

    @property
    def fan_out(self) -> int:
        """How many units it has."""
        module = self.module
        for name in ("out_features", "out_channels", "hidden_size", "embedding_dim", "embed_dim"):
            if isinstance(units := getattr(module, name, None), int):
                return units
        return int(self.weights[0].shape[0])

    @property
    def fan_in(self) -> int:
        """How many weights each unit has."""
        return max(1, round(sum(weight.numel() for weight in self.weights) / self.fan_out))

    @property
    def bias(self) -> Tensor | None:
        """Its biases, if they are one for each unit."""
        bias = getattr(self.module, "bias", None)
        return bias if isinstance(bias, Tensor) and bias.numel() == self.fan_out else None


@dataclass(eq=False)
class Anatomy:
    """The modules of a network by what they are.

    parts: layers by their module; activations: names by module; moded: names and kinds of modules
    that behave otherwise in training; owners: names of all that have parameters of their own.
    parameters: by name; ids: of all of them. hidden: modules that are compiled, inside which a hook
    would have them compiled anew.
    """

    parts: dict[nn.Module, Part] = field(default_factory=dict)
    activations: dict[nn.Module, str] = field(default_factory=dict)
    moded: dict[nn.Module, tuple[str, str]] = field(default_factory=dict)
    owners: dict[nn.Module, str] = field(default_factory=dict)
    parameters: Mapping[str, nn.Parameter] = field(default_factory=dict)
    order: list[Part] = field(default_factory=list)
    hidden: set[nn.Module] = field(default_factory=set)

    @property
    def ids(self) -> set[int]:
        return {id(one) for one in self.parameters.values()}

    def doors(self, model: nn.Module) -> list[nn.Module]:
        """Its parts with parameters, one of which is called first where nobody calls the whole."""
        found = []
        for part in model.children():
            if next(part.parameters(), None) is not None and part not in self.hidden:
                is_list = isinstance(part, nn.ModuleList | nn.ModuleDict)
                found += self.doors(part) if is_list else [part]
        return found

    def moded_in(self, model: nn.Module) -> Mapping[nn.Module, tuple[str, str]]:
        """Those of a part of the network that behave otherwise in training."""
        inside = set(model.modules())
        return {module: named for module, named in self.moded.items() if module in inside}

    def number_unseen(self) -> None:
        """Number the layers as they are written down, where calls of some cannot be seen."""
        is_hidden = any(part.module in self.hidden and not part.number for part in self.written)
        if self.order and not is_hidden:
            return
        shown = [part for part in self.written if part.number or part.module in self.hidden]
        self.order.clear()
        for part in shown or self.written:
            part.number = 0
            self.call(part)

    @property
    def written(self) -> list[Part]:
        """All layers, as they are written down."""
        return list(self.parts.values())

    def call(self, part: Part) -> None:
        """Number a layer when it is called for the first time."""
        if not part.number:
            self.order.append(part)
            part.number = len(self.order)


def anatomy_of(model: nn.Module) -> Anatomy:
    """What a network is made of, layers not yet in order."""
    found = Anatomy(
        parameters={plain(name): one for name, one in model.named_parameters()},
        hidden=_inside_compiled(model),
    )
    for name, module in ((plain(name), one) for name, one in model.named_modules()):
        if isinstance(module, nn.Dropout | nn.modules.dropout._DropoutNd):
            found.moded[module] = name, DROPOUT
        elif isinstance(module, Norm):
            found.moded[module] = name, NORM
        if type(module) in ACTIVATIONS:
            found.activations[module] = ACTIVATIONS[type(module)]
        if next(module.parameters(recurse=False), None) is not None:
            found.owners[module] = name
        if _is_layer(module) and (weights := _weights(module)):
            found.parts[module] = Part(name, module, weights)
    return found


def plain(name: str) -> str:
    """A name as it was before `torch.compile` wrapped the module."""
    return name.replace("_orig_mod.", "").removesuffix("_orig_mod").removesuffix(".")


def _inside_compiled(model: nn.Module) -> set[nn.Module]:
    """The modules that are compiled, with all below them."""
    compiled = [
        one
        for one in model.modules()
        if type(one).__name__ == "OptimizedModule" or one._compiled_call_impl is not None
    ]
    return {inner for one in compiled for inner in one.modules()}


def is_unfinished(model: nn.Module) -> bool:
    """Whether some parameters get their shape from the first batch."""
    return any(is_lazy(one) for one in model.parameters())


def _is_layer(module: nn.Module) -> bool:
    return isinstance(module, KNOWN) or not any(True for _ in module.children())


def _weights(module: nn.Module) -> list[nn.Parameter]:
    return [
        weight
        for weight in module.parameters(recurse=isinstance(module, KNOWN))
        if not is_lazy(weight) and weight.dim() >= 2 and weight.numel()
    ]
