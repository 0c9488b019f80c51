"""Data and network of a recipe; a field that is None is chosen by `descend.recipe.defaults`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from descend.recipe import checks
from descend.recipe.fields import (
    Amount,
    Count,
    Name,
    OneOf,
    Part,
    Part0To1,
    Positive,
    Share,
    Size,
    Whole,
    impossible,
)
from descend.recipe.init import BiasInit, Init
from descend.recipe.names import ACTIVATIONS, TASKS

__all__ = ["BiasInit", "Data", "Init", "Layer", "Network"]

Activation = Annotated[str, OneOf(ACTIVATIONS)]
BatchNorm = Annotated[Literal[False, "before", "after"], OneOf((False, "before", "after"))]


SLOPE = "of leaky_relu: what numbers below 0 are multiplied with"
EPS = "what is added to the variance of a batch before it divides"
MOMENTUM = "how far the running statistics of a batch norm move to each batch's"


class Data(Part):
    """What is learnt from: a source of examples, its split and its scales."""

    source: Name = Field(description="the name of a built-in set, or the path of the examples")
    target: Name | None = Field(
        default=None,
        description='what is to be predicted: a column, or "inputs" for an autoencoder',
    )
    task: Annotated[str, OneOf(TASKS)] | None = Field(
        default=None, description="the kind of prediction; read from the targets where absent"
    )
    scale: Annotated[str, OneOf(("unit", "standard", "none"))] | None = Field(
        default=None,
        description="how inputs are scaled: to 0..1, to mean 0 and standard deviation 1, or not",
    )
    target_scale: Annotated[str, OneOf(("none", "standard"))] | None = Field(
        default=None,
        description="how the targets of a regression are scaled; metrics are on the raw scale",
    )
    examples: Count | None = Field(
        default=None, description="how many examples a generated set has"
    )
    noise: Amount | None = Field(
        default=None, description="the standard deviation of the noise in a generated set"
    )
    validation: Size | None = Field(
        default=None,
        description="examples held out to be looked at while training: share below 1 or number",
    )
    test: Size | None = Field(
        default=None,
        description="examples held out to be looked at in the end: share below 1 or number",
    )
    limit: Count | None = Field(
        default=None,
        description="train on that many of the training examples only, in equal parts by class",
    )
    seed: Whole = Field(
        default=0, description="of the generated examples and of the split, not of training"
    )

    @model_validator(mode="after")
    def _check(self) -> Data:
        if problems := checks.data_problems(self):
            raise impossible(problems)
        return self


class Layer(Part):
    """One hidden layer; what is absent is taken from the network."""

    units: Count = Field(description="its width")
    activation: Activation | None = Field(
        default=None, description="the function after its linear map"
    )
    init: Init | None = Field(default=None, description="how its weights are drawn")
    bias_init: BiasInit | None = Field(default=None, description="how its biases are drawn")
    batch_norm: BatchNorm | None = Field(
        default=None, description="normalise over the batch: before or after the activation, or not"
    )
    slope: Amount | None = Field(default=None, description=SLOPE)
    batch_norm_eps: Positive | None = Field(default=None, description=EPS)
    batch_norm_momentum: Part0To1 | None = Field(default=None, description=MOMENTUM)
    dropout: Share | None = Field(
        default=None, description="the share of its outputs that are set to 0 in each training step"
    )
    l1: Amount | None = Field(
        default=None, description="the loss grows by l1 · Σ|w| over its weights"
    )
    l2: Amount | None = Field(
        default=None, description="the loss grows by l2 · Σw² over its weights"
    )


class Network(Part):
    """The layers between the inputs and the outputs, in short form (`hidden`) or one by one."""

    hidden: tuple[Count, ...] | None = Field(
        default=None,
        description="the widths of the hidden layers; an empty list makes a linear model",
    )
    activation: Activation | None = Field(default=None, description="of all hidden layers")
    init: Init | None = Field(default=None, description="how the weights of all layers are drawn")
    bias_init: BiasInit | None = Field(
        default=None, description="how the biases of all layers are drawn"
    )
    batch_norm: BatchNorm | None = Field(
        default=None,
        description="normalise every hidden layer: before or after the activation, or not",
    )
    slope: Amount | None = Field(default=None, description=SLOPE)
    batch_norm_eps: Positive | None = Field(default=None, description=EPS)
    batch_norm_momentum: Part0To1 | None = Field(default=None, description=MOMENTUM)
    dropout: Share | None = Field(
        default=None, description="the share of each hidden layer's outputs that training sets to 0"
    )
    l1: Amount | None = Field(
        default=None, description="the loss grows by l1 · Σ|w| over all weights"
    )
    l2: Amount | None = Field(
        default=None, description="the loss grows by l2 · Σw² over all weights"
    )
    layers: tuple[Layer, ...] | None = Field(
        default=None, description="the hidden layers one by one, in place of `hidden`"
    )
    output: Activation | None = Field(
        default=None,
        description="the activation of the last layer; a loss on logits wants identity",
    )
    outputs: Count | None = Field(default=None, description="the width of the last layer")
    output_init: Init | None = Field(
        default=None, description="how the last layer's weights are drawn"
    )
    output_bias_init: BiasInit | None = Field(
        default=None, description="how the last layer's biases are drawn"
    )

    @model_validator(mode="after")
    def _check(self) -> Network:
        if problems := checks.network_problems(self):
            raise impossible(problems)
        return self
