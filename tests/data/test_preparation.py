"""Preparation: fitted once, the same everywhere, exact where exactness is promised."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from descend.data.preparation import Preparation
from descend.data.statistics import mean_and_spread
from descend.errors import DataError


def fit(x: Tensor, y: Tensor | None = None, **facts: Any) -> Preparation:
    """A preparation with the facts that a test does not care about."""
    y = torch.zeros(len(x), 1) if y is None else y
    return Preparation.fit(
        x, y, **{"task": "regression", "outputs": 1, "scaling": "standard", **facts}
    )


GREY = torch.arange(256, dtype=torch.uint8).reshape(-1, 1)


def test_grey_values_are_bitwise_torchvisions() -> None:
    """x / 255 for all 256 values, as ToTensor's `div(255)` gives it; into a buffer as well."""
    unit = fit(GREY, scaling="unit", brightest=255)
    expected = GREY.float().div(255)
    assert torch.equal(unit.inputs(GREY), expected)
    out = torch.empty(256, 1)
    assert unit.inputs(GREY, out=out) is out
    assert torch.equal(out, expected)


def test_a_product_with_the_reciprocal_would_differ() -> None:
    """Why the division stays: 126 of the 256 grey values would be another float."""
    assert int((GREY.float().mul(1 / 255) != GREY.float().div(255)).sum()) == 126


def test_standard_scaling_is_scikit_learns() -> None:
    """Mean 0 and standard deviation 1 over n, in float64 to rounding; beyond one chunk of rows."""
    from sklearn.preprocessing import StandardScaler

    x = torch.randn(9_000, 4, generator=torch.Generator().manual_seed(0)) * 30 + 1000
    preparation = fit(x)
    oracle = StandardScaler().fit(x.double().numpy())
    # Sums of 9,000 terms in another order: about 1e-13 relative.
    np.testing.assert_allclose(preparation.shift, oracle.mean_, rtol=1e-12)
    np.testing.assert_allclose(preparation.scale, oracle.scale_, rtol=1e-10)
    prepared = preparation.inputs(x, dtype=torch.float64)
    np.testing.assert_allclose(
        prepared, oracle.transform(x.double().numpy()), rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize("scaling", ["standard", "unit"])
def test_a_constant_feature_becomes_zero(scaling) -> None:
    """Scale 1: neither NaN nor infinity; 0.1 is not a float, its mean over 7 might not be 0.1."""
    x = torch.full((7, 2), 0.1)
    x[:, 1] = torch.arange(7)
    preparation = fit(x, scaling=scaling)
    assert preparation.scale[0] == 1
    assert torch.equal(preparation.inputs(x)[:, 0], torch.zeros(7))


def test_unit_brings_real_features_to_0_and_1() -> None:
    """Each feature's smallest value becomes 0, its largest 1."""
    x = torch.tensor([[-2.0, 5.0], [0.0, 7.0], [2.0, 6.0]])
    assert fit(x, scaling="unit").inputs(x).tolist() == [[0, 0], [0.5, 1], [1, 0.5]]


def test_the_pixels_of_images_share_mean_and_spread() -> None:
    """A border pixel that is nearly always 0 must not be blown up by its own tiny spread."""
    images = torch.randint(0, 256, (50, 12), dtype=torch.uint8)
    preparation = fit(images, image=(3, 4))
    assert preparation.shift.shape == ()
    values = images.double()
    assert preparation.shift.item() == pytest.approx(values.mean().item(), rel=1e-12)
    assert preparation.scale.item() == pytest.approx(values.std(correction=0).item(), rel=1e-12)
    assert preparation.inputs(images).mean().abs() < 1e-6


@pytest.mark.parametrize("scaling", ["none", "unit", "standard"])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64, torch.int64])
@pytest.mark.parametrize("to", [torch.float32, torch.float64])
def test_every_way_to_prepare_gives_the_same(scaling, dtype, to) -> None:
    """With and without `out`, in place, and for any leading axes."""
    raw = torch.randint(0, 200, (6, 4, 3), generator=torch.Generator().manual_seed(1)).to(dtype)
    preparation = fit(raw.flatten(0, 1), scaling=scaling)
    expected = (raw.to(to) - preparation.shift.to(to)) / preparation.scale.to(to)
    before = raw.clone()
    assert torch.equal(preparation.inputs(raw, dtype=to), expected)
    assert torch.equal(preparation.inputs(raw, out=torch.empty(6, 4, 3, dtype=to)), expected)
    assert torch.equal(preparation.inputs(raw[0], dtype=to), expected[0])
    assert torch.equal(preparation.inputs(raw[0, 0], dtype=to), expected[0, 0])
    assert torch.equal(raw, before)
    if dtype == to:
        assert torch.equal(preparation.inputs(raw, out=raw), expected)


def test_without_scaling_nothing_is_copied() -> None:
    """Floats that need nothing are handed through as they are."""
    x = torch.randn(3, 2)
    assert fit(x, scaling="none").inputs(x) is x


def test_targets_are_scaled_and_come_back() -> None:
    """Quantities are standardised for the loss, and `targets_back` undoes it; classes stay."""
    y = torch.tensor([[10.0, 5.0], [30.0, 5.0]])
    preparation = fit(torch.randn(2, 3), y, outputs=2, target_scaling="standard")
    assert preparation.targets(y).tolist() == [[-1, 0], [1, 0]]
    torch.testing.assert_close(preparation.targets_back(preparation.targets(y)), y)
    labels = torch.tensor([3, 1])
    assert preparation.targets(labels) is labels


def test_an_autoencoders_targets_are_its_prepared_inputs() -> None:
    """And what it gives comes back on the inputs' scale."""
    x = torch.randint(0, 256, (20, 5), dtype=torch.uint8)
    preparation = fit(x, x, task="autoencoder", outputs=5)
    assert torch.equal(preparation.targets(x), preparation.inputs(x))
    near = {"rtol": 1e-6, "atol": 1e-4}  # beside a mean of 128, a float32 is good to 1e-5
    torch.testing.assert_close(preparation.targets_back(preparation.inputs(x)), x.float(), **near)
    torch.testing.assert_close(preparation.inputs_back(preparation.inputs(x)), x.float(), **near)


def test_another_number_of_features_is_refused() -> None:
    """A network for 3 features is not given 4."""
    with pytest.raises(DataError, match="must have 3 features: these have 4"):
        fit(torch.randn(5, 3)).inputs(torch.randn(5, 4))


floats = st.floats(
    allow_nan=False, allow_infinity=False, width=32, min_value=-(2.0**90), max_value=2.0**90
)


@given(rows=st.lists(st.tuples(floats, floats), min_size=1, max_size=8), is_image=st.booleans())
def test_json_brings_a_preparation_back_bit_for_bit(rows, is_image) -> None:
    """Every statistic and name survives the way through the run's folder."""
    x = torch.tensor(rows)
    image = (1, 2) if is_image else None
    one = fit(x, x, outputs=2, target_scaling="standard", classes=("ä", "b"), image=image)
    two = Preparation.from_json(one.to_json())
    for name in ("shift", "scale", "target_shift", "target_scale"):
        assert torch.equal(getattr(one, name), getattr(two, name))
        assert getattr(one, name).shape == getattr(two, name).shape
    for name in ("task", "features", "outputs", "scaling", "target_scaling", "classes", "image"):
        assert getattr(one, name) == getattr(two, name)
    assert two.to_json() == one.to_json()


@pytest.mark.parametrize("text", ["", "{}", "[1]", "null", '{"task": 1}', "no json"])
def test_a_damaged_preparation_is_refused(text) -> None:
    """What descend did not write is a DataError, not a crash later on."""
    with pytest.raises(DataError, match="must be JSON that descend wrote"):
        Preparation.from_json(text)


def test_the_json_is_plain() -> None:
    """Numbers, texts and lists that any program can read."""
    facts = json.loads(fit(torch.randn(4, 2)).to_json())
    assert facts["scaling"] == "standard"
    assert len(facts["shift"]) == 2


def test_large_offsets_keep_their_spread() -> None:
    """Two passes: the spread of values near 1e6 is not lost in the square of their mean."""
    x = torch.tensor([[1e6], [1e6 + 1], [1e6 + 2]])
    _, spread = mean_and_spread(x)
    assert spread.item() == pytest.approx((2 / 3) ** 0.5, rel=1e-12)


def test_examples_that_were_given_are_scaled_as_a_recipe_asks() -> None:
    """The scale of `[data]` counts for examples as it does for the arrays that they came from."""
    from descend.data.arrays import from_arrays
    from descend.intake import examples_of
    from descend.recipe import Recipe
    from descend.recipe.model import Data

    rng = np.random.default_rng(0)
    x, y = 100 + 20 * rng.normal(size=(60, 3)), 1e4 * rng.normal(size=(60, 1))
    wishes = {"source": "arrays", "scale": "none", "target_scale": "none"}
    given = from_arrays(x, y, Data.model_validate(wishes))
    recipe = Recipe.of({"data": {"source": "arrays"}})
    assert examples_of(recipe, given, None) is given
    for scales in ({"scale": "standard"}, {"scale": "unit", "target_scale": "standard"}):
        data = Data.model_validate({**wishes, **scales})
        scaled = examples_of(Recipe.of({"data": {**wishes, **scales}}), given, None)
        oracle = from_arrays(x, y, data)
        assert scaled.preparation.to_json() == oracle.preparation.to_json()
        assert scaled.fingerprint == given.fingerprint
