"""The way in: a `torch.nn.Sequential` as the network of a recipe, and its weights for a stack.

A message names a layer by its place in the Sequential, counted from 0; 2.1 is the second layer of a
Sequential that is the third layer of another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from descend.errors import NetworkError
from descend.network.stack import Stack
from descend.network.torch_modules import MODULES, parts_of
from descend.network.weights import LayerShape, Weights, layer_shape
from descend.recipe.names import LAYER_SETTINGS

ACTIVATIONS = {type(make()): name for name, make in MODULES.items()}
LAYERS: dict[type[nn.Module], str] = {
    nn.Linear: "Linear",
    nn.BatchNorm1d: "BatchNorm1d",
    nn.Dropout: "Dropout",
    **dict.fromkeys(ACTIVATIONS, "an activation"),
}
NORM, ACTIVATION, DROPOUT = "BatchNorm1d", "an activation", "Dropout"
MAY_FOLLOW = {(), (NORM,), (ACTIVATION,), (NORM, ACTIVATION), (ACTIVATION, NORM)}
MAY_FOLLOW |= {(*layers, DROPOUT) for layers in MAY_FOLLOW}
ORDER = (
    "each Linear may be followed by BatchNorm1d, an activation (or these two the other way round) "
    "and Dropout, the last Linear by an activation alone; Flatten may come first"
)
DEFAULTS: dict[type[nn.Module], nn.Module] = {
    nn.Flatten: nn.Flatten(),
    nn.BatchNorm1d: nn.BatchNorm1d(1),
    **{type(module): module for module in (make() for make in MODULES.values())},
}
# attributes that need not be the default's
FREE = ("training", "inplace", "num_features", "negative_slope", "eps", "momentum")


def from_sequential(module: nn.Module) -> tuple[dict[str, Any], Weights]:
    """The `network` table of a recipe, and the weights, of a Sequential of layers that descend has.

    Raises NetworkError for the first layer that cannot be taken in.
    """
    groups = _groups(module)
    *hidden, last = groups
    table = {
        "layers": [
            {
                "units": group.units,
                "activation": group.activation,
                "batch_norm": group.batch_norm,
                "dropout": group.dropout,
                **group.settings,
            }
            for group in hidden
        ],
        **last.settings,
        "output": last.activation,
        "outputs": last.units,
    }
    theta = torch.cat([part.flatten() for group in groups for part in group.parameters])
    statistics = [part for group in groups for part in group.statistics]
    shape = tuple(group.shape for group in groups)
    return table, Weights(shape, theta, torch.cat([theta[:0], *statistics]))


def load_sequential(stack: Stack, module: nn.Module, run: int | None = None) -> None:
    """Put the weights of a Sequential into one run of a stack of its shape, or into all."""
    from_sequential(module)[1].load(stack, run)


@dataclass
class Group:
    """A Linear and the layers that follow it."""

    place: str
    linear: nn.Linear
    norm: nn.BatchNorm1d | None = None
    activation: str = "identity"
    slope: float | None = None
    dropout: float = 0.0
    places: dict[str, str] = field(default_factory=dict)  # of the layers that follow, in order

    @property
    def units(self) -> int:
        return self.linear.out_features

    @property
    def batch_norm(self) -> str | bool:
        if self.norm is None:
            return False
        return "before" if next(iter(self.places)) == NORM else "after"

    @property
    def settings(self) -> dict[str, float]:
        """What layers have that ask for it: a slope, and what is not usual of a batch norm."""
        settings = {} if self.slope is None else {"slope": self.slope}
        if self.norm is not None:
            own = {"batch_norm_eps": self.norm.eps, "batch_norm_momentum": self.norm.momentum}
            settings |= {
                name: one for name, one in own.items() if one not in (None, LAYER_SETTINGS[name])
            }
        return settings

    @property
    def shape(self) -> LayerShape:
        return layer_shape(self.linear.in_features, self.units, self.activation, self.batch_norm)

    @property
    def parameters(self) -> list[Tensor]:
        """w, b, γ and β, in the order of theta."""
        norm = parts_of(self.norm)[:2] if self.norm else ()
        return [part.detach().cpu() for part in (self.linear.weight.T, self.linear.bias, *norm)]

    @property
    def statistics(self) -> list[Tensor]:
        """The running mean and variance."""
        return [part.detach().cpu() for part in (parts_of(self.norm)[2:] if self.norm else ())]

    def add(self, place: str, module: nn.Module) -> None:
        """Let `module` follow; NetworkError if it may not."""
        kind = LAYERS[type(module)]
        if (*self.places, kind) not in MAY_FOLLOW:
            others = [
                one for one in (NORM, ACTIVATION, DROPOUT) if (*self.places, one) in MAY_FOLLOW
            ]
            raise _wrong(place, f"be {' or '.join(['Linear', *others])}", module)
        match module:
            case nn.BatchNorm1d(num_features=units) if units != self.units:
                raise _wrong(place, f"have the {self.units} units of layer {self.place}", module)
            case nn.BatchNorm1d():
                self.norm = module
            case nn.Dropout(p=p) if p >= 1:
                raise _wrong(place, "leave some units, with p below 1", module)
            case nn.Dropout(p=p):
                self.dropout = p
            case nn.LeakyReLU(negative_slope=slope):
                self.activation, self.slope = "leaky_relu", slope
            case _:
                self.activation = ACTIVATIONS[type(module)]
        self.places[kind] = place


def _groups(module: nn.Module) -> list[Group]:
    """The Linears of a Sequential, each with what follows it."""
    groups: list[Group] = []
    seen: set[int] = set()
    for place, layer in _layers(module, ""):
        _check(place, layer, seen)
        if isinstance(layer, nn.Linear):
            if groups and groups[-1].units != layer.in_features:
                before = groups[-1]
                wanted = f"take the {before.units} outputs of layer {before.place}"
                raise _wrong(place, wanted, layer)
            groups.append(Group(place, layer))
        elif isinstance(layer, nn.Flatten):
            if groups:
                raise _wrong(place, "stand before the first Linear", layer)
        elif groups:
            groups[-1].add(place, layer)
        else:
            raise _wrong(place, "be Linear, or Flatten before it", layer)
    if not groups:
        raise NetworkError(f"a Sequential must hold a Linear: {_name(module)}", hint=ORDER)
    for kind in (NORM, DROPOUT):
        if kind in groups[-1].places:
            raise NetworkError(
                f"layer {groups[-1].places[kind]} must stand before the last Linear: {kind}",
                hint=ORDER,
            )
    return groups


def _layers(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    """The layers of a Sequential and of those within it, but for Identity, with their places."""
    if not isinstance(module, nn.Sequential) or type(module).forward is not nn.Sequential.forward:
        raise NetworkError(
            f"a module to take in must be a torch.nn.Sequential: {_name(module)}",
            hint="torch.nn.Sequential(…) of its layers computes the same if they follow each other",
        )
    # not `named_children`, which leaves out a layer that stands there a second time
    for place, layer in enumerate(module):
        if isinstance(layer, nn.Sequential):
            yield from _layers(layer, f"{prefix}{place}.")
        elif not isinstance(layer, nn.Identity):
            yield f"{prefix}{place}", layer


def _check(place: str, module: nn.Module, seen: set[int]) -> None:
    """NetworkError if a layer is not one of ours, by itself."""
    kind = type(module)
    if kind not in LAYERS and kind is not nn.Flatten:
        names = ", ".join(one.__name__ for one in (*LAYERS, nn.Flatten))
        raise _wrong(place, f"be one of {names}", module)
    if isinstance(module, nn.Linear) and module.bias is None:
        hint = "with `bias=True` and a bias of zeros it computes the same"
        raise _wrong(place, "have a bias", module, hint)
    if kind in DEFAULTS:
        wanted = {
            name: value
            for name, value in vars(DEFAULTS[kind]).items()
            if not name.startswith("_") and name not in FREE
        }
        wrong = [
            f"{name}={value}" for name, value in wanted.items() if _setting(module, name) != value
        ]
        if wrong:
            raise _wrong(place, f"have {' and '.join(wrong)}", module, "descend knows no other")
    if isinstance(module, nn.BatchNorm1d) and module.momentum is None:
        raise _wrong(place, "have a momentum", module, "0.1 is usual")
    for parameter in module.parameters():
        if not parameter.is_floating_point():
            raise _wrong(place, f"hold real numbers, not {parameter.dtype}", module)
        if id(parameter) in seen:
            hint = "descend trains each layer's weights by themselves"
            raise _wrong(place, "have weights of its own, which no other layer has", module, hint)
        seen.add(id(parameter))


def _setting(module: nn.Module, name: str) -> object:
    value = getattr(module, name)
    # of outputs (batch, classes) torch's softmax takes axis 1 also where none is given
    return -1 if name == "dim" and value in (None, 1) else value


def _wrong(place: str, wanted: str, module: nn.Module, hint: str = ORDER) -> NetworkError:
    return NetworkError(f"layer {place} must {wanted}: {_name(module)}", hint=hint)


def _name(module: object) -> str:
    """A layer with its settings; of anything larger, or of anything else, the kind."""
    is_layer = isinstance(module, nn.Module) and not list(module.children())
    return repr(module).partition("\n")[0] if is_layer else type(module).__name__
