"""Activations and their slopes are those of torch and of the textbook."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from descend.network.activations import ACTIVATIONS, SELU, Sigmoid, Tanh
from descend.recipe.names import ACTIVATIONS as NAMES
from descend.recipe.names import ELEMENTWISE
from tests.network import reference

EXACT = 1e-10  # float64 carries 16 digits; exp of 300 costs 3 of them


def phi(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def cdf(z: float) -> float:
    return math.erfc(-z / math.sqrt(2)) / 2


def sigma(z: float) -> float:
    return 1 / (1 + math.exp(-z))


# value and derivative from the papers; none at a kink, where a subgradient is a convention
TEXTBOOK: dict[str, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "identity": (lambda z: z, lambda z: 1),
    "sigmoid": (sigma, lambda z: sigma(z) * sigma(-z)),
    "tanh": (math.tanh, lambda z: 1 / math.cosh(z) ** 2),
    "relu": (lambda z: max(z, 0), lambda z: z > 0),
    "leaky_relu": (lambda z: max(z, 0.01 * z), lambda z: 1 if z > 0 else 0.01),
    "elu": (lambda z: z if z > 0 else math.expm1(z), lambda z: 1 if z > 0 else math.exp(z)),
    "selu": (
        lambda z: SELU.scale * (z if z > 0 else SELU.alpha * math.expm1(z)),
        lambda z: SELU.scale * (1 if z > 0 else SELU.alpha * math.exp(z)),
    ),
    "gelu": (lambda z: z * cdf(z), lambda z: cdf(z) + z * phi(z)),
    "silu": (
        lambda z: z * sigma(z),
        lambda z: sigma(z) + z * sigma(z) * sigma(-z),
    ),
    "softplus": (lambda z: max(z, 0) + math.log1p(math.exp(-abs(z))), sigma),
    "exp": (math.exp, math.exp),
}


def ours(name: str, z: Tensor, da: Tensor) -> tuple[Tensor, Tensor]:
    """a and dz for z and da (batch, units)."""
    activation = ACTIVATIONS[name]()
    a = activation.forward(z.clone().unsqueeze(0)).clone()
    return a[0], activation.backward(da.clone().unsqueeze(0))[0]


def autograd(name: str, z: Tensor, da: Tensor) -> tuple[Tensor, Tensor]:
    leaf = z.clone().requires_grad_()
    a = reference.ACTIVATIONS[name](leaf)
    (dz,) = torch.autograd.grad(a, leaf, da)
    return a.detach(), dz


numbers = st.floats(-300, 300) | st.floats(-3, 3)


@pytest.mark.parametrize("name", NAMES)
@given(
    st.integers(1, 4).flatmap(
        lambda units: st.lists(
            st.lists(st.tuples(numbers, st.floats(-3, 3)), min_size=units, max_size=units),
            min_size=1,
            max_size=9,
        )
    )
)
def test_values_and_slopes_equal_autograds(
    name: str, rows: list[list[tuple[float, float]]]
) -> None:
    """For numbers between -300 and 300, kinks among them, where torch's convention is taken."""
    z, da = torch.tensor(rows, dtype=torch.float64).unbind(-1)
    for own, oracle in zip(ours(name, z, da), autograd(name, z, da), strict=True):
        torch.testing.assert_close(own, oracle, rtol=EXACT, atol=EXACT)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_values_and_slopes_are_the_textbooks(name: str) -> None:
    """A second oracle that has no line in common with torch, away from the kink at 0."""
    z = [sign * 10**power for sign in (-1, 1) for power in range(-8, 2)] + [-17.0, 0.3, 19.0]
    value, derivative = TEXTBOOK[name]
    tensor = torch.tensor([z], dtype=torch.float64)
    a, slope = ours(name, tensor, torch.ones_like(tensor))
    expected = torch.tensor([[value(one) for one in z]], dtype=torch.float64)
    expected_slope = torch.tensor([[float(derivative(one)) for one in z]], dtype=torch.float64)
    torch.testing.assert_close(a, expected, rtol=EXACT, atol=1e-15)
    torch.testing.assert_close(slope, expected_slope, rtol=EXACT, atol=1e-15)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_slopes_at_the_edges_are_torchs(name: str, dtype: torch.dtype) -> None:
    """At 0, -0, the smallest and largest numbers and the infinities; NaN stays NaN."""
    limits = torch.finfo(dtype)
    edges = [0.0, -0.0, limits.tiny, -limits.tiny, 20.0, -20.0, 50.0, -50.0, 1e3, -1e3]
    edges += [limits.max, limits.min, math.inf, -math.inf, math.nan]
    z = torch.tensor(edges, dtype=dtype).unsqueeze(1)  # one unit: nothing mixes
    da = torch.ones_like(z)
    a, dz = ours(name, z, da)
    # in float64, as torch's own float32 kernel of GELU gives NaN at infinity
    torch_a, torch_dz = (tensor.to(dtype) for tensor in autograd(name, z.double(), da.double()))
    near = 4 * limits.eps
    torch.testing.assert_close(a, torch_a, rtol=near, atol=0, equal_nan=True)
    is_clear = ~(z.isnan() | torch_dz.isnan() | dz.isnan())  # 0 · ∞ is NaN or the limit
    torch.testing.assert_close(dz[is_clear], torch_dz[is_clear], rtol=near, atol=near)


@pytest.mark.parametrize("name", NAMES)
def test_a_nan_or_infinity_touches_nothing_beside_it(name: str) -> None:
    """The runs beside one that is NaN or infinite keep their values and slopes bit for bit."""
    z, da = torch.randn(2, 3, 5, 7)
    activation = ACTIVATIONS[name]()
    healthy = activation.forward(z.clone()).clone(), activation.backward(da.clone())
    for poison in (math.nan, math.inf, -math.inf):
        sick = z.clone()
        sick[1] = poison
        values = activation.forward(sick).clone(), activation.backward(da.clone())
        for before, after in zip(healthy, values, strict=True):
            assert torch.equal(before[::2], after[::2])


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "elu", "selu", "silu", "gelu"])
def test_slopes_keep_their_digits_in_float32(name: str) -> None:
    """Also where the activation is within 1e-4 of its limit, the slope is right to 1e-3."""
    z = torch.linspace(-9, 9, 401, dtype=torch.float64).unsqueeze(0)
    _, slope = ours(name, z.float(), torch.ones_like(z).float())
    _, exact = autograd(name, z.float().double(), torch.ones_like(z))
    # an activation of 1 - 1e-4 is itself known to 6e-8: that bounds what its slope can be
    loose = exact.abs() * 1e-3 + 2e-7
    assert ((slope.double() - exact).abs() <= loose).all()


def test_saturated_units_are_those_beyond_5_or_2_and_a_half() -> None:
    """Where |z| > 5 or |z| > 2.5, sigmoid and tanh have less than 2.7 % of their largest slope."""
    for name, kind, edge in (("sigmoid", Sigmoid(), 5.0), ("tanh", Tanh(), 2.5)):
        slope = TEXTBOOK[name][1]
        assert slope(edge) / slope(0.0) < 0.027
        z = torch.tensor([[[-edge - 1e-3, -edge + 1e-3, 0.0, edge - 1e-3, edge + 1e-3]]])
        assert kind.saturated(kind.forward(z)).tolist() == [[[True, False, False, False, True]]]


def test_every_name_of_a_recipe_has_an_activation() -> None:
    """The table of names, which needs no torch, and the table of functions agree."""
    assert set(ACTIVATIONS) == set(NAMES) == set(reference.ACTIVATIONS)
