"""Architecture: the layers of a network with nothing left open, and the number of parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from descend.network.init_names import Init
from descend.recipe import Network, Recipe
from descend.recipe.names import LAYER_SETTINGS as SETTINGS

SHARED = ("activation", "init", "bias_init", "batch_norm", "dropout", "l1", "l2", *SETTINGS)


@dataclass(frozen=True)
class Block:
    """One Linear and what follows it."""

    fan_in: int
    fan_out: int
    activation: str
    batch_norm: str | bool  # False, "before" or "after" the activation
    dropout: float
    init: Init
    bias_init: Init
    l1: float
    l2: float
    slope: float = SETTINGS["slope"]  # of leaky_relu
    batch_norm_eps: float = SETTINGS["batch_norm_eps"]
    batch_norm_momentum: float = SETTINGS["batch_norm_momentum"]

    @property
    def structure(self) -> tuple[object, ...]:
        """What all runs of a stack must have in common; the rest may differ from run to run."""
        return self.fan_in, self.fan_out, self.activation, self.batch_norm, self.slope

    @property
    def parameters(self) -> int:
        norm = 2 * self.fan_out if self.batch_norm else 0
        return self.fan_in * self.fan_out + self.fan_out + norm


Architecture = tuple[Block, ...]


def architecture_of(recipe: Recipe, features: int) -> Architecture:
    """The blocks of a completed recipe for examples of `features` numbers, the output last."""
    network = recipe.network
    shared = {name: getattr(network, name) for name in SHARED}
    output = {
        "activation": network.output,
        "init": network.output_init,
        "bias_init": network.output_bias_init,
        "batch_norm": False,
        "dropout": 0.0,
    }
    blocks = []
    for units, own in [*_hidden_layers(network), (network.outputs, output)]:
        assert units is not None  # the recipe is complete
        blocks.append(_block(features, units, shared | own))
        features = units
    return tuple(blocks)


def parameters_of(architecture: Architecture) -> int:
    """The number of parameters of one network."""
    return sum(block.parameters for block in architecture)


def statistics_of(architecture: Architecture) -> int:
    """The number of running means and variances of one network."""
    return sum(2 * block.fan_out for block in architecture if block.batch_norm)


def _hidden_layers(network: Network) -> list[tuple[int, dict[str, Any]]]:
    """The width of each hidden layer, and what it does not share with the others."""
    if not network.layers:
        return [(units, {}) for units in network.hidden or ()]
    return [
        (layer.units, {n: own for n in SHARED if (own := getattr(layer, n)) is not None})
        for layer in network.layers
    ]


def _block(fan_in: int, fan_out: int, given: Mapping[str, Any]) -> Block:
    init, bias_init = given["init"], given["bias_init"]
    return Block(
        fan_in=fan_in,
        fan_out=fan_out,
        activation=given["activation"],
        batch_norm=given["batch_norm"] or False,
        dropout=given["dropout"] or 0.0,
        init=Init(init.name, init.parameters),
        bias_init=Init(bias_init.name, bias_init.parameters),
        l1=given["l1"] or 0.0,
        l2=given["l2"] or 0.0,
        **{
            name: default if given[name] is None else given[name]
            for name, default in SETTINGS.items()
        },
    )
