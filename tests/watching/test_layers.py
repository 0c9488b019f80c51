"""Which modules are layers, what stands behind each of them, and how they are called."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.findings.record import Layer, Record
from tests.watching.scenes import SCENES, batch

Described = list[tuple[str, str, str | bool, float]]

# name, activation, batch normalisation and dropout of each layer, in the order of the calls
EXPECTED: dict[str, Described] = {
    "mlp": [("0", "relu", "before", 0.3), ("4", "tanh", False, 0.0), ("6", "identity", False, 0.0)],
    "functional_mlp": [
        ("first", "relu", False, 0.0),
        ("second", "sigmoid", False, 0.0),
        ("third", "leaky_relu", False, 0.0),
        ("last", "identity", False, 0.0),
    ],
    "convolutional": [
        ("features.0", "relu", "before", 0.0),
        ("features.4", "relu", False, 0.0),
        ("head", "identity", False, 0.0),
    ],
    "residual": [
        ("0", "relu", False, 0.0),
        ("1.one", "relu", "before", 0.0),
        ("1.two", "relu", False, 0.0),
        ("2.one", "relu", "before", 0.0),
        ("2.two", "relu", False, 0.0),
        ("5", "identity", False, 0.0),
    ],
    "recurrent": [("lstm", "", False, 0.0), ("head", "identity", False, 0.0)],
    "cells": [
        ("cell", "", False, 0.0),
        ("shared", "relu", False, 0.0),
        ("head", "identity", False, 0.0),
    ],
    "attention": [
        ("block.self_attn", "", False, 0.1),
        ("block.linear1", "relu", False, 0.1),
        ("block.linear2", "", False, 0.1),
        ("head", "identity", False, 0.0),
    ],
    "language": [
        ("words", "", False, 0.0),
        ("middle", "gelu", False, 0.0),
        ("head", "identity", False, 0.0),
    ],
    "own_loss": [("body.0", "silu", False, 0.0), ("body.2", "identity", False, 0.0)],
    "checkpointed": [
        ("first", "relu", False, 0.0),
        ("body.0", "relu", "before", 0.2),
        ("last", "identity", False, 0.0),
    ],
    "reentrant": [  # whose middle part has no graph in the forward pass
        ("first", "relu", False, 0.0),
        ("body.0", "", False, 0.2),
        ("last", "identity", False, 0.0),
    ],
    "normed": [("0", "elu", False, 0.0), ("2", "identity", False, 0.0)],
    "double": [("0", "tanh", False, 0.0), ("2", "identity", False, 0.0)],
}


def record_of(
    model: nn.Module, batches: Callable[[int], tuple[Tensor, Tensor]] = batch, steps: int = 2
) -> Record:
    """What a watch knows after some steps of plain descent."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    with descend.watch(model, every=1, out=None, quiet=True) as watch:
        for number in range(steps):
            x, y = batches(number)
            optimizer.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    assert watch.failure is None
    return watch.record()


def described(layers: list[Layer]) -> Described:
    return [(one.name, one.activation, one.batch_norm, one.dropout) for one in layers]


@pytest.mark.parametrize("name", EXPECTED)
def test_layers_and_what_follows_them_are_seen(name: str) -> None:
    scene = SCENES[name]()
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        scene.run(2)
    layers = list(watch.record().layers)
    assert described(layers) == EXPECTED[name]
    assert [layer.number for layer in layers] == list(range(1, len(layers) + 1))
    assert {layer.of for layer in layers} == {len(layers)}


class Acting(nn.Module):
    """Two layers with a function in between."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.last, self.act = nn.Linear(12, 8), nn.Linear(8, 3), act

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.last(self.act(self.first(x)))
        return y


FUNCTIONS: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "relu": (functional.relu, "relu"),
    "relu in place": (functional.relu_, "relu"),
    "clamp": (lambda z: z.clamp(min=0), ""),
    "tanh": (torch.tanh, "tanh"),
    "tanh in place": (torch.tanh_, "tanh"),
    "sigmoid": (torch.sigmoid, "sigmoid"),
    "leaky_relu": (functional.leaky_relu, "leaky_relu"),
    "elu": (functional.elu, "elu"),
    "selu": (functional.selu, "selu"),
    "gelu": (functional.gelu, "gelu"),
    "silu": (functional.silu, "silu"),
    "softplus": (functional.softplus, "softplus"),
    "exp": (torch.exp, "exp"),
    "softmax": (lambda z: z.softmax(1), "softmax"),
    "log_softmax": (lambda z: z.log_softmax(1), "log_softmax"),
    "nothing": (lambda z: z, "identity"),
    "a factor": (lambda z: 2 * z + 1, "identity"),
    "a square": (lambda z: z**2, ""),
    "a product": (lambda z: z * torch.sigmoid(1.7 * z), ""),
    "mish": (functional.mish, ""),
    "a norm of each example": (lambda z: functional.layer_norm(z, (8,)), ""),
    "a norm and relu": (lambda z: functional.layer_norm(z, (8,)).relu(), "relu"),
    "dropout and relu": (lambda z: functional.dropout(z, 0.2).relu(), "relu"),
    "relu and dropout": (lambda z: functional.dropout(z.relu(), 0.2), "relu"),
    "relu twice": (lambda z: z.relu().relu(), "relu"),
    "tanh of relu": (lambda z: z.relu().tanh(), "relu"),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_between_layers_is_known_by_the_graph(name: str) -> None:
    act, expected = FUNCTIONS[name]
    torch.manual_seed(0)
    layers = record_of(Acting(act)).layers
    assert [layer.activation for layer in layers] == [expected, "identity"]


MEASURED = [name for name, (_, known) in FUNCTIONS.items() if known in ("relu", "tanh", "sigmoid")]


@pytest.mark.parametrize("name", [one for one in MEASURED if "norm" not in one and "dr" not in one])
def test_what_a_function_gives_is_measured_where_it_follows_at_once(name: str) -> None:
    act, _ = FUNCTIONS[name]
    torch.manual_seed(0)
    model = Acting(act)
    x, _ = batch(0)
    with torch.no_grad():
        first = model.first(x)
        given = act(first.clone()) if name != "tanh of relu" else first.relu()
    record = record_of(model)
    assert record.quantities["activation_mean"][0, 0] == pytest.approx(float(given.mean()))
    assert record.quantities["activation_std"][0, 0] == pytest.approx(
        float(given.std(correction=0))
    )


def test_the_last_activation_of_the_network_is_that_of_its_last_layer() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(dim=1))
    assert [layer.activation for layer in record_of(model).layers] == ["relu", "softmax"]


def test_first_weights_are_described_as_before_any_step() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    w = [model[0].weight.detach().clone(), model[2].weight.detach().clone()]
    b = [model[0].bias.detach().clone(), model[2].bias.detach().clone()]
    for layer, weight, bias in zip(record_of(model, steps=9).layers, w, b, strict=True):
        units = torch.cat([weight, bias.unsqueeze(1)], dim=1)
        assert (layer.fan_in, layer.fan_out) == (weight.shape[1], weight.shape[0])
        # statistics of float32 numbers, taken in float64 there
        assert layer.spread == pytest.approx(float(weight.std(correction=0)), rel=1e-5)
        assert layer.mean == pytest.approx(float(weight.mean()), rel=1e-4, abs=1e-8)
        assert (layer.least, layer.most) == (float(weight.min()), float(weight.max()))
        apart = float((units.amax(dim=0) - units.amin(dim=0)).max())
        assert layer.units_differ == pytest.approx(apart, rel=1e-6)
        assert layer.bias_spread == pytest.approx(float(bias.std(correction=0)), rel=1e-5)


def test_a_layer_of_channels_has_units_that_are_channels() -> None:
    scene = SCENES["convolutional"]()
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        scene.run(8)
    first, second, head = watch.record().layers
    assert (first.fan_in, first.fan_out) == (9, 6)
    assert (second.fan_in, second.fan_out) == (54, 8)
    assert (head.fan_in, head.fan_out) == (8, 3)


def test_a_dead_channel_is_one_that_is_zero_at_every_place() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
    with torch.no_grad():
        model[0].bias[1] = -100.0

    def images(number: int) -> tuple[Tensor, Tensor]:
        x, y = batch(number, 16, 64)
        return x.view(16, 1, 8, 8), y

    record = record_of(model, images, steps=6)
    assert record.units["dead"][0] == 0.25
    assert record.quantities["dead_share"][:, 0].tolist() == [0.25] * 6


def test_a_place_tells_the_name_of_the_module() -> None:
    assert str(Layer(2, 5, 8, 8, "relu", name="body.fc2").place) == "layer 2 of 5 (body.fc2)"
