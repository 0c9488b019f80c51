"""Beginnings: how strongly first weights hand on what comes in, layer by layer."""

from __future__ import annotations

import math

from descend.findings.measured import NotMeasured, known
from descend.findings.record import Layer, Record
from descend.recipe.defaults import INIT_FOR, RECTIFIED

SATURATING = ("sigmoid", "tanh")


def drawn(record: Record) -> Record:
    """The record, where its weights are those that training begins with.

    Raises NotMeasured where machines are trained first, and there is nothing to look at yet.
    """
    if not record.layers or any(layer.init == "rbm" for layer in record.layers):
        raise NotMeasured
    return record


def gain(layer: Layer) -> float:
    """By how much a layer's sums spread more than its inputs: σ √fan_in."""
    return known(layer.spread) * math.sqrt(layer.fan_in)


def relative_gain(layer: Layer) -> float:
    """The gain beside the one that suits the activation: √2 for what cuts off one half, else 1."""
    suited = 1.0 if layer.activation in INIT_FOR else math.sqrt(2.0)
    return gain(layer) / suited


def suited_init(layer: Layer) -> str:
    """The initialiser that suits a layer's activation."""
    return INIT_FOR.get(layer.activation, RECTIFIED)


def is_normalised(layer: Layer) -> bool:
    """Whether batch normalisation undoes whatever size the weights have."""
    return bool(layer.batch_norm)


def hidden_gain(record: Record) -> float:
    """The product of the relative gains of all hidden layers; 1 where each is suited."""
    return math.prod(relative_gain(layer) for layer in record.hidden if not is_normalised(layer))


def mean_gain(record: Record) -> float:
    """The same of one hidden layer: the geometric mean; 1 without any."""
    layers = sum(not is_normalised(layer) for layer in record.hidden)
    return float(hidden_gain(record) ** (1 / layers)) if layers else 1.0
