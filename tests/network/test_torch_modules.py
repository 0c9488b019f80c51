"""A run leaves as plain torch modules and comes in again with the same outputs."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from descend.errors import NetworkError
from descend.network.architecture import Architecture, architecture_of
from descend.network.passes import EvaluationPass
from descend.network.stack import Stack
from descend.network.torch_modules import MODULES, Exp, to_sequential
from descend.network.torch_reader import from_sequential, load_sequential
from descend.recipe import Recipe
from descend.recipe.defaults import Facts, complete
from descend.recipe.names import ACTIVATIONS
from tests.network.reference import architectures, block, size_of, stack_of

# float32 carries 7 digits, float64 16; γ / σ of a batch norm can cost one or two of them
NEAR = {torch.float32: 1e-5, torch.float64: 1e-12}
WITHIN = {torch.float32: 1e-6, torch.float64: 1e-12}

networks = st.integers(1, 3).flatmap(
    lambda runs: architectures(runs, st.sampled_from([0.0, 0.3]), ACTIVATIONS)
)


def outputs_of(stack: Stack, x: Tensor) -> Tensor:
    return EvaluationPass(stack, x.shape[1]).forward(x).clone()


def recipe_with(network: dict[str, Any], outputs: int) -> Recipe:
    """A complete recipe around the network that a Sequential gave."""
    recipe = Recipe.of({"data": {"source": "sine"}, "network": network})
    facts = Facts("regression", outputs, 100, ("train",), "standard", "none")
    return complete(recipe, facts)


@given(networks, st.sampled_from([torch.float32, torch.float64]), st.integers(0, 2**31))
def test_outputs_are_those_of_the_stack(
    given_networks: tuple[Architecture, ...], dtype: torch.dtype, seed: int
) -> None:
    """In evaluation mode, for every run, activation, batch norm and dropout."""
    stack = stack_of(given_networks, range(seed, seed + len(given_networks)), dtype)
    x = torch.randn(stack.runs, 6, stack.blocks[0].fan_in, dtype=dtype)
    outputs = outputs_of(stack, x)
    for run in range(stack.runs):
        module = to_sequential(stack, run)
        own = module(x[run]).detach()
        within = WITHIN[dtype] * size_of(outputs[run])  # exp of exp grows, and its rounding with it
        torch.testing.assert_close(own, outputs[run], rtol=NEAR[dtype], atol=within, equal_nan=True)


@given(networks, st.integers(0, 2**31))
def test_a_network_comes_back_as_it_left(
    given_networks: tuple[Architecture, ...], seed: int
) -> None:
    """Stack → Sequential → recipe → stack: the same blocks, weights, statistics and outputs."""
    stack = stack_of(given_networks, range(seed, seed + len(given_networks)))
    x = torch.randn(stack.runs, 5, stack.blocks[0].fan_in, dtype=torch.float64)
    run = stack.runs - 1
    module = to_sequential(stack, run)
    table, weights = from_sequential(module)
    recipe = recipe_with(table, stack.blocks[-1].fan_out)
    assert Recipe.from_toml(recipe.to_toml()) == recipe
    architecture = architecture_of(recipe, weights.features)
    again = Stack([architecture], [0], dtype=torch.float64)
    weights.load(again)
    assert torch.equal(again.theta[0], stack.theta[run])
    assert torch.equal(again.statistics[0], stack.statistics[run])
    assert [one.dropout for one in architecture] == [one.dropout for one in given_networks[run]]
    for one, other in zip(architecture, stack.blocks, strict=True):
        is_same_place = one.batch_norm == other.batch_norm or other.activation == "identity"
        assert is_same_place
        assert (one.fan_in, one.fan_out, one.activation) == other.structure[:3]
        assert other.activation != "leaky_relu" or one.slope == other.slope
    for one, other in zip(architecture, given_networks[run], strict=True):
        if one.batch_norm:
            assert one.batch_norm_eps == other.batch_norm_eps
            assert one.batch_norm_momentum == other.batch_norm_momentum
    torch.testing.assert_close(
        outputs_of(again, x[run : run + 1])[0], outputs_of(stack, x)[run], rtol=1e-12, atol=1e-12
    )


def test_the_modules_have_weights_of_their_own() -> None:
    """Training the Sequential leaves the stack as it was, and the other way round."""
    stack = stack_of([(block(3, 4, "relu", "before"), block(4, 2))])
    module = to_sequential(stack)
    theta, statistics = stack.theta.clone(), stack.statistics.clone()
    optimizer = torch.optim.SGD(module.train().parameters(), lr=0.1)
    module(torch.randn(5, 3, dtype=torch.float64)).square().sum().backward()
    optimizer.step()
    assert torch.equal(stack.theta, theta)
    assert torch.equal(stack.statistics, statistics)
    before = [parameter.detach().clone() for parameter in module.parameters()]
    stack.theta.zero_()
    assert all(map(torch.equal, before, module.parameters()))


def test_the_modules_are_plain_and_in_evaluation_mode() -> None:
    """Nothing of descend is in them, and nothing is drawn from torch's generator to make them."""
    stack = stack_of([(block(3, 4, "relu", "after", 0.5), block(4, 4), block(4, 2, "softmax"))])
    state = torch.random.get_rng_state()
    module = to_sequential(stack)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [type(layer) for layer in module] == [
        nn.Linear, nn.ReLU, nn.BatchNorm1d, nn.Dropout, nn.Linear, nn.Linear, nn.Softmax,
    ]  # fmt: skip
    assert not any(layer.training for layer in module.modules())
    assert all(parameter.requires_grad for parameter in module.parameters())


def test_every_activation_has_a_module() -> None:
    """Each name of a recipe; only exp needs a module that is not torch's."""
    assert set(MODULES) == set(ACTIVATIONS)
    foreign = {name for name, make in MODULES.items() if not is_torchs(make())}
    assert foreign == {"exp"}


def is_torchs(module: nn.Module) -> bool:
    return type(module).__module__.startswith("torch.nn")


def test_a_run_that_is_not_there_is_refused() -> None:
    """On the way out and on the way in."""
    stack = stack_of([(block(3, 2),)] * 2)
    for run in (-1, 2):
        with pytest.raises(NetworkError, match=f"from 0 to 1: {run}"):
            to_sequential(stack, run)
        with pytest.raises(NetworkError, match=f"from 0 to 1: {run}"):
            load_sequential(stack, nn.Sequential(nn.Linear(3, 2)), run)


def test_a_sequential_gives_its_network_and_weights() -> None:
    """The table of a recipe, as a person would write it layer by layer."""
    module = nn.Sequential(
        nn.Flatten(),
        nn.Sequential(nn.Linear(8, 5), nn.BatchNorm1d(5), nn.ReLU(inplace=True)),
        nn.Identity(),
        nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.BatchNorm1d(4), nn.Dropout(0.25)),
        nn.Linear(4, 3),
        nn.LogSoftmax(dim=1),
    )
    table, weights = from_sequential(module)
    assert table == {
        "layers": [
            {"units": 5, "activation": "relu", "batch_norm": "before", "dropout": 0.0},
            {"units": 4, "activation": "tanh", "batch_norm": "after", "dropout": 0.25},
        ],
        "output": "log_softmax",
        "outputs": 3,
    }
    assert weights.features == 8
    stack = Stack([architecture_of(recipe_with(table, 3), 8)], [0])
    weights.load(stack)
    x = torch.randn(1, 9, 8)
    expected = module.eval()(x[0].view(9, 2, 4)).detach()
    torch.testing.assert_close(outputs_of(stack, x)[0], expected, rtol=1e-5, atol=1e-6)


def test_a_network_without_hidden_layers_comes_in() -> None:
    """A single Linear is the perceptron: no hidden layers, not the default ones."""
    table, weights = from_sequential(nn.Sequential(nn.Linear(4, 2)))
    assert table == {"layers": [], "output": "identity", "outputs": 2}
    architecture = architecture_of(recipe_with(table, 2), 4)
    assert [one.structure for one in architecture] == [(4, 2, "identity", False, 0.01)]
    assert weights.statistics.numel() == 0


def test_weights_go_into_one_run_or_all_in_its_precision() -> None:
    """A float32 Sequential into run 1 of a float64 stack, then into both."""
    module = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 1))
    stack = stack_of([(block(3, 2, "identity", "after"), block(2, 1))] * 2)
    first = stack.theta[0].clone()
    load_sequential(stack, module, 1)
    assert torch.equal(stack.theta[0], first)
    row = from_sequential(module)[1]
    assert torch.equal(stack.theta[1], row.theta.double())
    assert torch.equal(stack.statistics[1], row.statistics.double())
    load_sequential(stack, module)
    assert torch.equal(stack.theta[0], stack.theta[1])


def test_weights_of_another_network_are_refused() -> None:
    """The message shows both networks."""
    stack = stack_of([(block(3, 4, "relu"), block(4, 2))])
    module = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    with pytest.raises(NetworkError) as error:
        load_sequential(stack, module)
    assert error.value.message == (
        "the weights must be those of 3 → 4 (relu) → 2 (identity): 3 → 4 (tanh) → 2 (identity)"
    )


class Residual(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return x.square()


tied = nn.Linear(4, 4)
twin = nn.Linear(4, 4)
twin.weight = tied.weight

WRONG: dict[str, tuple[nn.Module, str]] = {
    "no Sequential": (nn.Linear(3, 2), "must be a torch.nn.Sequential: Linear(in_features=3"),
    "a forward of its own": (Residual(nn.Linear(3, 3)), "torch.nn.Sequential: Residual"),
    "the same inside": (nn.Sequential(Residual(nn.Linear(3, 3))), "Sequential: Residual"),
    "nothing": (nn.Sequential(), "must hold a Linear: Sequential"),
    "only Flatten": (nn.Sequential(nn.Flatten()), "must hold a Linear"),
    "a convolution": (
        nn.Sequential(nn.Conv2d(1, 8, 3), nn.Linear(8, 2)),
        "layer 0 must be one of Linear, BatchNorm1d, Dropout, Identity, Sigmoid,",
    ),
    "a larger module": (
        nn.Sequential(nn.TransformerEncoderLayer(4, 1)),
        ": TransformerEncoderLayer",
    ),
    "a parametrised layer": (
        nn.Sequential(parametrizations.weight_norm(nn.Linear(3, 2))),
        "layer 0 must be one of Linear, ",
    ),
    "an activation first": (
        nn.Sequential(nn.ReLU(), nn.Linear(3, 2)),
        "layer 0 must be Linear, or Flatten before it: ReLU()",
    ),
    "input dropout": (nn.Sequential(nn.Dropout(), nn.Linear(3, 2)), "layer 0 must be Linear"),
    "no bias": (
        nn.Sequential(nn.Linear(3, 2, bias=False)),
        "layer 0 must have a bias: Linear(in_features=3, out_features=2, bias=False)",
    ),
    "a gap": (
        nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(9, 2)),
        "layer 2 must take the 8 outputs of layer 0: Linear(in_features=9, out_features=2",
    ),
    "a batch norm of another width": (
        nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(9), nn.Linear(8, 2)),
        "layer 1 must have the 8 units of layer 0: BatchNorm1d(9",
    ),
    "batch norm without momentum": (
        nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8, eps=1e-3, momentum=None), nn.Linear(8, 2)),
        "layer 1 must have a momentum: BatchNorm1d(8, eps=0.001",
    ),
    "batch norm without γ": (
        nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8, affine=False), nn.Linear(8, 2)),
        "layer 1 must have affine=True",
    ),
    "another GELU": (
        nn.Sequential(nn.Linear(3, 8), nn.GELU("tanh"), nn.Linear(8, 2)),
        "layer 1 must have approximate=none",
    ),
    "softmax over the batch": (
        nn.Sequential(nn.Linear(3, 8), nn.Softmax(dim=0)),
        "layer 1 must have dim=-1: Softmax(dim=0)",
    ),
    "dropout before the activation": (
        nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.1), nn.ReLU(), nn.Linear(8, 2)),
        "layer 2 must be Linear: ReLU()",
    ),
    "dropout before batch norm": (
        nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Dropout(0.1), nn.BatchNorm1d(8)),
        "layer 3 must be Linear: BatchNorm1d(8",
    ),
    "two activations": (
        nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Tanh(), nn.Linear(8, 2)),
        "layer 2 must be Linear or BatchNorm1d or Dropout: Tanh()",
    ),
    "two batch norms": (
        nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.BatchNorm1d(8), nn.Linear(8, 2)),
        "layer 2 must be Linear or an activation or Dropout: BatchNorm1d(8",
    ),
    "all units dropped": (
        nn.Sequential(nn.Linear(3, 8), nn.Dropout(1.0), nn.Linear(8, 2)),
        "layer 1 must leave some units, with p below 1: Dropout(p=1.0",
    ),
    "dropout of the outputs": (
        nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.1)),
        "layer 1 must stand before the last Linear: Dropout",
    ),
    "batch norm of the outputs": (
        nn.Sequential(nn.Linear(3, 8), nn.Sequential(nn.ReLU(), nn.BatchNorm1d(8))),
        "layer 1.1 must stand before the last Linear: BatchNorm1d",
    ),
    "Flatten in between": (
        nn.Sequential(nn.Linear(3, 8), nn.Flatten(), nn.Linear(8, 2)),
        "layer 1 must stand before the first Linear: Flatten(",
    ),
    "another Flatten": (
        nn.Sequential(nn.Flatten(0), nn.Linear(3, 8)),
        "layer 0 must have start_dim=1: Flatten(start_dim=0",
    ),
    "one layer twice": (
        nn.Sequential(tied, nn.ReLU(), tied),
        "layer 2 must have weights of its own, which no other layer has: Linear(",
    ),
    "one weight twice": (nn.Sequential(tied, nn.ReLU(), twin), "layer 2 must have weights of its"),
    "complex numbers": (
        nn.Sequential(nn.Linear(3, 8, dtype=torch.complex64)),
        "layer 0 must hold real numbers, not torch.complex64",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_taken_in_is_named(name: str) -> None:
    """The error says which layer, what was expected and what was given, and gives a hint."""
    module, said = WRONG[name]
    with pytest.raises(NetworkError) as error:
        from_sequential(module)
    assert said in error.value.message
    assert error.value.hint


def test_an_activation_may_stand_in_several_places() -> None:
    """One ReLU object after each layer is usual, and no layer is passed over for it."""
    relu = nn.ReLU()
    table, _ = from_sequential(
        nn.Sequential(nn.Linear(3, 4), relu, nn.Linear(4, 5), relu, nn.Linear(5, 1))
    )
    assert [layer["activation"] for layer in table["layers"]] == ["relu", "relu"]


def test_named_layers_are_counted() -> None:
    """A Sequential made from names is one of places all the same."""
    layers = OrderedDict(input=nn.Linear(3, 4), squash=nn.Hardtanh(), output=nn.Linear(4, 1))
    with pytest.raises(NetworkError, match="layer 1 must be one of"):
        from_sequential(nn.Sequential(layers))


def test_exp_is_e_to_the_z() -> None:
    """The module that torch lacks."""
    z = torch.linspace(-3, 3, 7)
    assert torch.equal(Exp()(z), z.exp())
