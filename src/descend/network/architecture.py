"""Architecture: the layers of a network with nothing left open, and their places in a row of theta."""

from __future__ import annotations

from dataclasses import dataclass

from descend.recipe import Init, Layer, Recipe


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

    @property
    def structure(self) -> tuple[object, ...]:
        """What all runs of a stack must have in common; the rest may differ from run to run."""
        return self.fan_in, self.fan_out, self.activation, self.batch_norm

    @property
    def parameters(self) -> int:
        norm = 2 * self.fan_out if self.batch_norm else 0
        return self.fan_in * self.fan_out + self.fan_out + norm


type Architecture = tuple[Block, ...]


def architecture_of(recipe: Recipe, features: int) -> Architecture:
    """The blocks of a completed recipe for examples of `features` numbers, the output layer last."""
    network = recipe.network
    blocks = []
    fan_in = features
    for layer in hidden_layers(recipe):
        blocks.append(_block(fan_in, layer))
        fan_in = layer.units
    output = Layer.model_construct(
        units=network.outputs,
        activation=network.output,
        init=network.output_init,
        bias_init=network.output_bias_init,
        batch_norm=False,
        dropout=0.0,
        l1=network.l1,
        l2=network.l2,
    )
    return (*blocks, _block(fan_in, output))


def hidden_layers(recipe: Recipe) -> tuple[Layer, ...]:
    """The hidden layers, each with what it leaves open taken from the network."""
    network = recipe.network
    layers = network.layers or tuple(Layer(units=units) for units in network.hidden or ())
    names = [name for name in Layer.model_fields if name != "units"]
    shared = {name: getattr(network, name) for name in names}
    return tuple(
        layer.model_copy(
            update={name: shared[name] for name in names if getattr(layer, name) is None}
        )
        for layer in layers
    )


def parameters_of(architecture: Architecture) -> int:
    """The number of parameters of one network."""
    return sum(block.parameters for block in architecture)


def statistics_of(architecture: Architecture) -> int:
    """The number of running means and variances of one network."""
    return sum(2 * block.fan_out for block in architecture if block.batch_norm)


def _block(fan_in: int, layer: Layer) -> Block:
    assert layer.activation is not None and layer.init is not None and layer.bias_init is not None
    return Block(
        fan_in=fan_in,
        fan_out=layer.units,
        activation=layer.activation,
        batch_norm=layer.batch_norm or False,
        dropout=layer.dropout or 0.0,
        init=layer.init,
        bias_init=layer.bias_init,
        l1=layer.l1 or 0.0,
        l2=layer.l2 or 0.0,
    )
