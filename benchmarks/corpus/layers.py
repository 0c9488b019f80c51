"""Layers: those of a case told as those of a recipe, with the places of the ones in the others.

A case lists activations, dropout and batch norm one by one; a recipe has them with the dense layer
that they follow.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .initialisers import initialiser
from .reasons import Inexpressible

ACTIVATIONS = {
    "linear": "identity",
    "exponential": "exp",
    "exp": "exp",
    "swish": "silu",
    "silu": "silu",
    **{
        name: name
        for name in (
            *("identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu"),
            *("softplus", "softmax", "log_softmax"),
        )
    },
}
NEARLY = {"hard_sigmoid": "sigmoid", "softsign": "tanh", "relu6": "relu", "mish": "silu"}
TWICE_IS_ONCE = ("identity", "relu")


@dataclass
class Block:
    """A dense layer and what follows it; places: of all of these in the case's list."""

    places: list[int]
    units: int
    activation: str
    init: Any
    bias_init: Any
    l1: float = 0.0
    l2: float = 0.0
    dropout: float = 0.0
    batch_norm: str | bool = False
    then: str | None = None  # an activation of its activation


@dataclass
class Blocks:
    """The layers of a recipe, the output last. normalises_inputs: before the first of them."""

    blocks: list[Block] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    normalises_inputs: bool = False

    @property
    def places(self) -> list[list[int]]:
        """For each layer of the recipe the places in the case's list that it stands for."""
        return [block.places for block in self.blocks]


def blocks_of(layers: Sequence[Mapping[str, Any]], is_torch: bool) -> Blocks:
    """The layers of a case as a recipe has them; raises Inexpressible."""
    made = Blocks()
    waiting: list[int] = []  # places before the first dense layer
    for place, layer in enumerate(layers):
        kind = layer["type"]
        if kind == "dense":
            made.blocks.append(_dense(layer, [*waiting, place], is_torch, made.notes))
            waiting = []
        elif not made.blocks:
            waiting.append(place)
            _before_all(kind, layer, made)
        else:
            made.blocks[-1].places.append(place)
            _after(made.blocks[-1], kind, layer, made.notes)
    if not made.blocks:
        raise Inexpressible("a network without dense layers")
    for block in made.blocks[:-1]:
        if block.then:
            made.notes.append(f"{block.then} after {block.activation} is left out")
    if made.blocks[-1].batch_norm or made.blocks[-1].dropout:
        raise Inexpressible("batch norm or dropout after the last dense layer")
    return made


def _dense(layer: Mapping[str, Any], places: list[int], is_torch: bool, notes: list[str]) -> Block:
    unknown = set(layer) - {
        *("type", "units", "activation", "init", "bias_init", "l1", "l2", "trainable", "use_bias"),
    }
    if unknown:
        raise Inexpressible(f"a dense layer with {', '.join(sorted(unknown))}")
    if layer.get("trainable") is False:
        raise Inexpressible("a layer whose weights are not trained")
    if layer.get("use_bias") is False:
        notes.append(f"layer {places[-1]} has no bias in the case: it begins at 0 here")
    no_bias = layer.get("use_bias") is False
    return Block(
        places=places,
        units=layer["units"],
        activation=_activation(layer.get("activation"), notes),
        init=initialiser(layer.get("init"), layer["units"], is_torch, notes),
        bias_init="zeros"
        if no_bias
        else initialiser(layer.get("bias_init"), layer["units"], is_torch, notes, is_bias=True),
        l1=float(layer.get("l1") or 0.0),
        l2=float(layer.get("l2") or 0.0),
    )


def _activation(name: str | None, notes: list[str]) -> str:
    if name in NEARLY:
        notes.append(f"{name} is {NEARLY[name]} here")
        return NEARLY[name]
    known = ACTIVATIONS.get(name or "linear")
    if known is None:
        raise Inexpressible(f"the activation {name}")
    if known == "leaky_relu":
        notes.append("leaky ReLU has the slope 0.01 here")
    return known


def _before_all(kind: str, layer: Mapping[str, Any], made: Blocks) -> None:
    if kind == "batchnorm":
        made.normalises_inputs = True
        made.notes.append("batch norm of the inputs: they are standardised instead")
    elif kind == "dropout":
        made.notes.append(f"dropout of the inputs ({layer['rate']}) is left out")
    else:
        raise Inexpressible(f"a layer {kind} before the first dense one")


def _after(block: Block, kind: str, layer: Mapping[str, Any], notes: list[str]) -> None:
    if kind == "activation":
        _second_activation(block, _activation(layer["activation"], notes), notes)
    elif kind == "dropout":
        if block.dropout:
            notes.append("two dropouts after one layer are one with their common rate")
        block.dropout = 1 - (1 - block.dropout) * (1 - layer["rate"])
    elif kind == "batchnorm":
        if block.batch_norm:
            raise Inexpressible("two batch norms after one layer")
        if block.dropout:
            notes.append("dropout before batch norm comes after it here")
        block.batch_norm = "after"
    else:
        raise Inexpressible(f"a layer {kind}")


def _second_activation(block: Block, activation: str, notes: list[str]) -> None:
    if block.activation == "identity":
        block.activation = activation
        if block.batch_norm:
            block.batch_norm = "before"
    elif block.activation == activation and activation in TWICE_IS_ONCE:
        notes.append(f"{activation} twice is once: the second is left out")
    elif activation != "identity":
        block.then = activation
