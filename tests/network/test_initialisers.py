"""Initial weights are those of torch, draw for draw."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn import Linear, init

from descend.errors import NetworkError, RecipeError
from descend.network import initialisers
from descend.network.init_names import (
    BIAS_INITIALISERS,
    INITIALISERS,
    PARAMETERS,
    Init,
    RBMSettings,
    complete,
    faults,
)
from descend.network.initialisers import FILLS, LayerShape, draw

# gain → the negative slope of the leaky ReLU to which torch gives it
SLOPES = {init.calculate_gain("leaky_relu", slope): slope for slope in (0.0, 0.01, 0.2, 1.0)}
# name → torch's own function; lecun is kaiming with the gain of a linear layer, 1
ORACLES: dict[str, Callable[..., object]] = {
    "torch": lambda w: None,
    "zeros": init.zeros_,
    "ones": init.ones_,
    "constant": lambda w, value: init.constant_(w, value),
    "normal": init.normal_,
    "uniform": lambda w, low, high: init.uniform_(w, low, high),
    "xavier_normal": init.xavier_normal_,
    "xavier_uniform": init.xavier_uniform_,
    "he_normal": lambda w, gain, mode: init.kaiming_normal_(w, SLOPES[gain], mode),
    "he_uniform": lambda w, gain, mode: init.kaiming_uniform_(w, SLOPES[gain], mode),
    "lecun_normal": lambda w: init.kaiming_normal_(w, nonlinearity="linear"),
    "lecun_uniform": lambda w: init.kaiming_uniform_(w, nonlinearity="linear"),
    "orthogonal": init.orthogonal_,
    "rbm": lambda w, std, **_: init.normal_(w, 0.0, std),
}
finite = st.floats(-3, 3)
NONE: st.SearchStrategy[dict[str, Any]] = st.just({})
HE = st.fixed_dictionaries(
    {},
    optional={
        "gain": st.sampled_from(list(SLOPES)),
        "mode": st.sampled_from(["fan_in", "fan_out"]),
    },
)
PARAMETERS_OF: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "constant": st.fixed_dictionaries({"value": finite}),
    "normal": st.fixed_dictionaries({}, optional={"mean": finite, "std": st.floats(0, 3)}),
    "uniform": st.fixed_dictionaries({}, optional={"low": st.floats(-3, 0.9)}),
    "xavier_normal": st.fixed_dictionaries({}, optional={"gain": st.floats(0.1, 3)}),
    "xavier_uniform": st.fixed_dictionaries({}, optional={"gain": st.floats(0.1, 3)}),
    "he_normal": HE,
    "he_uniform": HE,
    "orthogonal": st.fixed_dictionaries({}, optional={"gain": st.floats(0.1, 3)}),
    "rbm": st.fixed_dictionaries({}, optional={"std": st.floats(0, 1)}),
}
seeds = st.integers(0, 2**63 - 1)
sizes = st.integers(1, 40)


# Plain tuples, for beartype's checks of the real thing use `random`, which strategies may not.
Choice = tuple[str, dict[str, Any]]


def inits(names: Iterable[str]) -> st.SearchStrategy[Choice]:
    return st.sampled_from(list(names)).flatmap(
        lambda name: st.tuples(st.just(name), PARAMETERS_OF.get(name, NONE))
    )


networks = st.lists(sizes, min_size=2, max_size=5).flatmap(
    lambda widths: st.tuples(
        *(
            st.tuples(st.just(i), st.just(o), inits(INITIALISERS), inits(BIAS_INITIALISERS))
            for i, o in pairwise(widths)
        )
    )
)
Network = tuple[tuple[int, int, Choice, Choice], ...]


def shapes_of(network: Network) -> list[LayerShape]:
    return [LayerShape(i, o, Init(*init), Init(*bias)) for i, o, init, bias in network]


def as_torch_draws(
    shapes: list[LayerShape], seed: int, dtype: torch.dtype
) -> list[tuple[Tensor, Tensor]]:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        layers = [Linear(shape.fan_in, shape.fan_out, dtype=dtype) for shape in shapes]
        for shape, layer in zip(shapes, layers, strict=True):
            ORACLES[shape.init.name](layer.weight, **shape.init.parameters)
            if shape.init.name == "rbm" and shape.bias_init.name == "torch":
                init.zeros_(layer.bias)
            ORACLES[shape.bias_init.name](layer.bias, **shape.bias_init.parameters)
    return [(layer.weight.detach().T, layer.bias.detach()) for layer in layers]


@given(networks, seeds, st.booleans())
def test_draws_are_those_of_torch_bit_for_bit(network: Network, seed: int, is_double: bool) -> None:
    """Any mixture of initialisers, sizes and parameters gives torch's own numbers, in its order."""
    shapes = shapes_of(network)
    dtype = torch.float64 if is_double else torch.float32
    ours = draw(shapes, Generator().manual_seed(seed), dtype)
    for (w, b), (torch_w, torch_b) in zip(ours, as_torch_draws(shapes, seed, dtype), strict=True):
        assert w.dtype is b.dtype is dtype
        assert torch.equal(w, torch_w)
        assert torch.equal(b, torch_b)


@pytest.mark.parametrize("name", [name for name in INITIALISERS if name != "constant"])
@given(st.lists(sizes, min_size=2, max_size=4), seeds)
def test_every_name_draws_as_torch_with_its_defaults(
    name: str, widths: list[int], seed: int
) -> None:
    """Each name alone, without parameters, on all layers of a network."""
    shapes = [LayerShape(i, o, Init(name)) for i, o in pairwise(widths)]
    ours = draw(shapes, Generator().manual_seed(seed))
    for (w, b), (torch_w, torch_b) in zip(
        ours, as_torch_draws(shapes, seed, torch.float32), strict=True
    ):
        assert torch.equal(w, torch_w)
        assert torch.equal(b, torch_b)


@given(
    networks,
    inits(INITIALISERS),
    seeds,
    st.data(),
)
def test_a_layer_does_not_depend_on_the_initialiser_of_later_layers(
    network: Network, other: Choice, seed: int, data: st.DataObject
) -> None:
    """Changing one layer's initialiser leaves earlier ones, and all under `torch`, as they were."""
    shapes = shapes_of(network)
    changed = data.draw(st.integers(0, len(shapes) - 1))
    edited = list(shapes)
    edited[changed] = LayerShape(shapes[changed].fan_in, shapes[changed].fan_out, Init(*other))
    before = draw(shapes, Generator().manual_seed(seed))
    after = draw(edited, Generator().manual_seed(seed))
    for layer, shape in enumerate(shapes):
        is_earlier = layer < changed
        if is_earlier or (layer != changed and shape.init.name == "torch"):
            assert torch.equal(before[layer][0], after[layer][0])
        if is_earlier or (layer != changed and shape.bias_init.name == "torch"):
            assert torch.equal(before[layer][1], after[layer][1])


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("lecun_normal", 1 / 300),
        ("lecun_uniform", 1 / 300),
        ("he_normal", 2 / 300),
        ("he_uniform", 2 / 300),
        ("xavier_normal", 2 / 700),
        ("xavier_uniform", 2 / 700),
        ("rbm", 1e-4),
    ],
)
def test_spread_is_the_published_one(name: str, variance: float) -> None:
    """120,000 draws have mean 0 and the paper's variance, within 5 standard errors."""
    ((w, _),) = draw([LayerShape(300, 400, Init(name))], Generator().manual_seed(5), torch.float64)
    n = w.numel()
    assert abs(w.mean()) < 5 * math.sqrt(variance / n)
    # the variance of a sample variance is at most 2 σ⁴ / n, reached by the normal
    assert abs(w.var() - variance) < 5 * variance * math.sqrt(2 / n)
    if name == "lecun_uniform":
        assert w.abs().max() <= math.sqrt(3 / 300)


@given(sizes, sizes, seeds)
def test_orthogonal_rows_or_columns_are_orthonormal(fan_in: int, fan_out: int, seed: int) -> None:
    """The smaller of w wᵀ and wᵀ w is the identity; 1e-12 is QR's rounding in float64."""
    shape = LayerShape(fan_in, fan_out, Init("orthogonal"))
    ((w, _),) = draw([shape], Generator().manual_seed(seed), torch.float64)
    gram = w.T @ w if fan_in >= fan_out else w @ w.T
    assert torch.allclose(gram, torch.eye(len(gram), dtype=torch.float64), atol=1e-12)


@pytest.mark.parametrize(("fan_in", "fan_out"), [(0, 3), (3, 0), (-1, 2)])
def test_a_layer_without_inputs_or_units_is_refused(fan_in: int, fan_out: int) -> None:
    """Sizes below 1 raise an error that names both."""
    with pytest.raises(NetworkError, match=f"fan_in {fan_in} and fan_out {fan_out}"):
        LayerShape(fan_in, fan_out)


@pytest.mark.parametrize(
    ("given_init", "said"),
    [
        (Init("xaviar_normal"), "did you mean `xavier_normal`"),
        (Init("normal", {"sdt": 1.0}), "did you mean `std`"),
        (Init("normal", {"std": -1.0}), "a finite number at least 0, given -1.0"),
        (Init("normal", {"mean": math.nan}), "a finite number, given nan"),
        (Init("zeros", {"value": 1.0}), "no parameters"),
        (Init("constant"), "`value`: expected a finite number, given None"),
        (Init("uniform", {"low": 2.0}), "above `low` = 2, given 1.0"),
        (Init("he_normal", {"mode": "fan_avg"}), "fan_in or fan_out"),
        (Init("he_normal", {"gain": True}), "a finite number above 0, given True"),
        (Init("rbm", {"k": 0}), "a whole number at least 1, given 0"),
        (Init("rbm", {"epochs": 1.5}), "a whole number at least 0"),
        (Init("rbm", {"momentum": 1.0}), "at least 0 and below 1"),
        (Init("rbm", {"persistent": 1}), "false or true"),
    ],
)
def test_wrong_names_and_parameters_are_refused(given_init: Init, said: str) -> None:
    """The error says what was expected, what was given, and the nearest name."""
    with pytest.raises(RecipeError) as error:
        LayerShape(2, 2, given_init)
    assert said in str(error.value)


def test_a_bias_takes_only_what_has_no_fans() -> None:
    """Xavier needs two fans, which a bias has not."""
    with pytest.raises(RecipeError, match="one of torch, zeros"):
        LayerShape(2, 2, bias_init=Init("xavier_normal"))


def test_all_faults_are_named_at_once() -> None:
    """Two wrong parameters give two faults."""
    assert [f.parameter for f in faults("normal", {"sdt": 1.0, "mean": "0"})] == ["sdt", "mean"]


def test_table_of_names_agrees_with_the_functions() -> None:
    """Every name has a function whose keywords and defaults are those of the table."""
    assert set(FILLS) == set(INITIALISERS) == set(ORACLES)
    for name in set(INITIALISERS) - {"torch", "rbm"}:
        keywords = list(inspect.signature(FILLS[name]).parameters.values())[2:]
        defaults = {
            keyword.name: None if keyword.default is keyword.empty else keyword.default
            for keyword in keywords
        }
        assert defaults == INITIALISERS[name]
    assert INITIALISERS["rbm"] == vars(RBMSettings())


def test_completed_parameters_are_accepted_again() -> None:
    """`complete` is idempotent, also where a default is None, and whole numbers become floats."""
    assert complete("normal", {"std": 2}) == {"mean": 0.0, "std": 2.0}
    for name, kinds in PARAMETERS.items():
        once = complete(name, {"value": 1.0} if "value" in kinds else {})
        assert complete(name, once) == once
    assert RBMSettings.of({"lr": 1, "k": 3}) == RBMSettings(lr=1.0, k=3)


def test_every_public_function_draws_only_from_its_generator() -> None:
    """The global generator of torch stays where it was."""
    before = torch.random.get_rng_state()
    for name in set(INITIALISERS) - {"constant"}:
        initialisers.draw([LayerShape(3, 4, Init(name))], Generator().manual_seed(1))
    assert torch.equal(torch.random.get_rng_state(), before)
