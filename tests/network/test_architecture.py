"""A completed recipe becomes blocks, each with all that it shares and all that is its own."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from descend.network.architecture import (
    Architecture,
    architecture_of,
    parameters_of,
    statistics_of,
)
from descend.network.init_names import Init
from descend.network.stack import Stack
from descend.recipe import Recipe
from descend.recipe.defaults import Facts, complete

FACTS = Facts("multiclass", 3, 100, ("train",), "standard", "none")


def blocks_of(features: int = 4, **network: Any) -> Architecture:
    recipe = Recipe.of({"data": {"source": "blobs"}, "network": network})
    return architecture_of(complete(recipe, FACTS), features)


def test_the_short_form_makes_equal_layers() -> None:
    """Widths follow each other from the features to the outputs; the output layer is the last."""
    blocks = blocks_of(
        hidden=[5, 6],
        activation="tanh",
        batch_norm="before",
        dropout=0.5,
        init={"name": "normal", "std": 0.1},
        bias_init="ones",
        l1=0.1,
        l2=0.2,
    )
    assert [(one.fan_in, one.fan_out) for one in blocks] == [(4, 5), (5, 6), (6, 3)]
    for one in blocks[:-1]:
        assert (one.activation, one.batch_norm, one.dropout) == ("tanh", "before", 0.5)
    last = blocks[-1]
    assert (last.activation, last.batch_norm, last.dropout) == ("identity", False, 0.0)
    for one in blocks:
        assert (one.l1, one.l2) == (0.1, 0.2)
        assert one.init == Init("normal", {"std": 0.1})
        assert one.bias_init.name == "ones"


def test_a_layer_keeps_what_is_its_own() -> None:
    """What a layer says holds for it, zero and false too; the rest is the network's."""
    first, second, last = blocks_of(
        layers=[
            {
                "units": 5,
                "activation": "selu",
                "batch_norm": False,
                "dropout": 0.0,
                "init": "zeros",
                "bias_init": {"name": "constant", "value": 0.5},
                "l1": 0.0,
                "l2": 0.7,
                "batch_norm_eps": 1e-3,
                "batch_norm_momentum": 0.1,
            },
            {"units": 6, "slope": 0.3},
        ],
        activation="elu",
        batch_norm="after",
        batch_norm_momentum=0.02,
        slope=0.2,
        dropout=0.25,
        l1=0.1,
        l2=0.2,
        output="softmax",
        output_init="ones",
        output_bias_init="normal",
    )
    assert first.structure == (4, 5, "selu", False, 0.2)
    assert (first.batch_norm_eps, first.batch_norm_momentum) == (1e-3, 0.1)
    assert (first.dropout, first.l1, first.l2) == (0.0, 0.0, 0.7)
    assert first.init == Init("zeros")
    assert first.bias_init == Init("constant", {"value": 0.5})
    assert second.structure == (5, 6, "elu", "after", 0.3)
    assert (second.batch_norm_eps, second.batch_norm_momentum) == (1e-5, 0.02)
    assert (second.dropout, second.l1, second.l2) == (0.25, 0.1, 0.2)
    assert second.init.name == "he_normal"
    assert last.structure == (6, 3, "softmax", False, 0.2)
    assert (last.init.name, last.bias_init.name) == ("ones", "normal")


@pytest.mark.parametrize("network", [{"hidden": []}, {"layers": []}])
def test_a_network_without_hidden_layers_is_one_linear(network: dict[str, Any]) -> None:
    """The perceptron, in either form."""
    (only,) = blocks_of(**network)
    assert only.structure == (4, 3, "identity", False, 0.01)


@pytest.mark.parametrize("batch_norm", [False, "before", "after"])
def test_parameters_and_statistics_are_counted(batch_norm: str | bool) -> None:
    """w and b of each layer; γ, β, mean and variance of each unit that is normalised."""
    blocks = blocks_of(hidden=[5, 6], batch_norm=batch_norm)
    linear = 4 * 5 + 5 + 5 * 6 + 6 + 6 * 3 + 3
    norm = 2 * (5 + 6) if batch_norm else 0
    assert parameters_of(blocks) == linear + norm
    assert statistics_of(blocks) == norm


def test_blocks_can_be_drawn() -> None:
    """The initialisers of a recipe are those of a stack."""
    stack = Stack([blocks_of(hidden=[5], init="ones", bias_init="zeros")], [0])
    stack.initialise([torch.Generator().manual_seed(0)])
    assert stack.theta.sum() == 4 * 5 + 5 * 3
