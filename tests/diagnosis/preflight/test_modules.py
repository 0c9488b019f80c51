"""Each broken module fails the check that is about its fault, and healthy ones fail none."""

from __future__ import annotations

import copy
import random
import re
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.errors import NetworkError, RecipeError
from tests.diagnosis.preflight import modules

ENTROPY = nn.CrossEntropyLoss()


@pytest.mark.parametrize(
    "make",
    [modules.Network, modules.Normalised, modules.Convolutional, modules.Recurrent],
)
def test_a_healthy_module_passes(make: Callable[[], nn.Module]) -> None:
    """All four checks, each with what it saw."""
    found = descend.preflight(make(), batch=modules.batch(), loss=ENTROPY)
    assert found.passed, str(found)
    assert {outcome.verdict for outcome in found.outcomes} == {"passed"}
    assert all(outcome.sentence and outcome.numbers for outcome in found.outcomes)


@pytest.mark.parametrize(
    ("make", "failed", "places"),
    [
        (modules.Detached, ["layers-learn"], ["first (Linear)"]),
        (modules.Frozen, ["layers-learn"], ["second (Linear)"]),
        (modules.Unused, ["layers-learn"], ["forgotten (Linear)"]),
        (modules.Dead, ["overfits", "layers-learn"], ["first (Linear)", "second (Linear)"]),
        (modules.Mixing, ["examples-apart"], []),
        (modules.MixingUnseen, ["examples-apart"], []),
        (modules.WrongBackward, ["gradients-agree"], None),
        (modules.Squashed, ["overfits"], []),
    ],
)
def test_a_broken_module_fails_its_own_check(
    make: Callable[[], nn.Module], failed: list[str], places: list[str] | None
) -> None:
    """And no other; the layers at fault are named where there are any."""
    found = descend.preflight(make(), batch=modules.batch(), loss=ENTROPY)
    assert found.failed == failed, str(found)
    at_fault = [place for outcome in found.outcomes for place in outcome.places]
    if places is None:  # all that lies below the wrong derivative
        assert at_fault == ["first.weight", "first.bias", "second.weight", "second.bias"]
    elif make is modules.Dead:
        assert "first (Linear)" in at_fault
    else:
        assert at_fault == places


def test_the_floor_of_a_softmax_that_comes_twice_is_seen() -> None:
    """The loss ends at ln(1 + 3/e) = 0.744, and not at 0."""
    found = descend.preflight(modules.Squashed(), batch=modules.batch(), loss=ENTROPY)
    assert found["overfits"].numbers["loss"] == pytest.approx(0.744, abs=0.05)
    assert found["overfits"].numbers["floor"] == 0


def test_targets_that_are_broadcast_are_found() -> None:
    """Outputs (32, 1) against targets (32,) make 1,024 differences, without a word of torch's."""
    x, _ = modules.batch()
    module = nn.Sequential(nn.Linear(modules.FEATURES, 16), nn.ReLU(), nn.Linear(16, 1))

    def loss(outputs: Tensor, y: Tensor) -> Tensor:
        return (outputs - y).square().mean()

    wrong = descend.preflight(module, batch=(x, x.sum(1)), loss=loss)
    assert "examples-apart" in wrong.failed
    assert "(32, 1) are broadcast against targets of shape (32,)" in str(wrong)
    right = descend.preflight(module, batch=(x, x.sum(1, keepdim=True)), loss=loss)
    assert right.failed == []
    assert right["overfits"].verdict == "not applicable"  # nobody knows this loss's floor


def test_batch_normalisation_is_allowed_and_named() -> None:
    """It joins examples, as it is meant to; one over the batch by hand is not."""
    found = descend.preflight(modules.Normalised(), batch=modules.batch(), loss=ENTROPY)
    assert "1 (BatchNorm1d)" in found["examples-apart"].sentence


def test_classes_may_have_weights() -> None:
    """Their sum divides all gradients alike, which is no influence; the loss's floor is unknown."""
    weighted = nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    found = descend.preflight(modules.Network(), batch=modules.batch(), loss=weighted)
    assert found.failed == []
    assert found["examples-apart"].verdict == "passed"


def test_equal_inputs_with_different_labels_have_a_floor() -> None:
    """What no network can tell apart is no fault of it: the floor is the entropy that is left."""
    x, y = modules.batch()
    x, y = torch.cat([x[:16], x[:16]]), torch.cat([y[:16], (y[:16] + 1) % modules.CLASSES])
    found = descend.preflight(modules.Network(), batch=(x, y), loss=functional.cross_entropy)
    assert found["overfits"].numbers["floor"] == pytest.approx(np.log(2))
    assert found.passed, str(found)


def test_a_kink_is_no_disagreement() -> None:
    """At exactly 0, ReLU has any slope from 0 to 1: an example of zeros puts every unit there."""
    module = modules.Network()
    for layer in (module.first, module.second):
        nn.init.zeros_(layer.bias)
    x, y = modules.batch()
    x[:3] = 0
    found = descend.preflight(module, batch=(x, y), loss=ENTROPY)
    assert found["gradients-agree"].verdict == "passed", str(found)


@pytest.mark.parametrize("mode", [True, False])
def test_the_module_and_all_random_numbers_stay_as_they_are(mode: bool) -> None:
    """Weights, statistics, gradients, modes, hooks, and the streams of torch, numpy and Python."""
    module = modules.Normalised().train(mode)
    module[0].weight.grad = torch.ones_like(module[0].weight)
    state = copy.deepcopy(module.state_dict())
    streams = torch.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
    x, y = modules.batch()
    before = x.clone(), y.clone()
    descend.preflight(module, batch=(x, y), loss=ENTROPY)
    assert all(torch.equal(value, module.state_dict()[name]) for name, value in state.items())
    assert [one.training for one in module.modules()] == [mode] * 6
    assert torch.equal(module[0].weight.grad, torch.ones_like(module[0].weight))
    assert module[1].weight.grad is None
    assert torch.equal(x, before[0])
    assert torch.equal(y, before[1])
    assert torch.equal(torch.get_rng_state(), streams[0])
    assert np.random.get_state()[1].tolist() == streams[1]
    assert random.getstate() == streams[2]


def test_the_same_module_gives_the_same_outcome() -> None:
    """Whatever was drawn in between."""
    first, second = (
        descend.preflight(modules.Normalised(), batch=modules.batch(), loss=ENTROPY).to_json()
        for _ in range(2)
    )
    first.pop("seconds"), second.pop("seconds")
    assert first == second


def test_what_computes_in_float32_only_is_said_to() -> None:
    """Differences need digits; the other checks look all the same."""

    class Single(modules.Network):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x).float()

    found = descend.preflight(Single(), batch=modules.batch(), loss=ENTROPY)
    assert found["gradients-agree"].verdict == "not applicable"
    assert "float64" in found["gradients-agree"].sentence
    assert found.passed, str(found)


def test_numbers_that_are_none_are_said_in_words() -> None:
    """NaN among the inputs: a loss that is not finite, and no crash."""
    x, y = modules.batch()
    x[3, 2] = torch.nan
    found = descend.preflight(modules.Network(), batch=(x, y), loss=ENTROPY)
    assert "overfits" in found.failed
    assert "not finite" in found["overfits"].sentence


def no_parameters() -> nn.Module:
    return nn.Sequential(nn.Flatten())


def no_copy() -> nn.Module:
    module = modules.Network()
    module.lock = threading.Lock()
    return module


class Raising(modules.Network):
    def forward(self, x: Tensor) -> Tensor:
        raise ValueError("three channels are needed\nand more")


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (no_parameters, {}, "a module to look at must have parameters: it has none"),
        (no_copy, {}, "a module must be copied to be looked at: TypeError: cannot pickle"),
        (Raising, {}, "must take the batch: ValueError: three channels are needed"),
        (modules.Network, {"batch": None}, "must come with `batch=(x, y)` and `loss`"),
        (modules.Network, {"loss": None}, "must come with `batch=(x, y)` and `loss`"),
        (modules.Network, {"batch": ([1], [2])}, "must be two tensors, examples first: list"),
        (modules.Network, {"batch": (torch.ones(2, 6), torch.ones(3))}, "as many targets as"),
        (
            modules.Network,
            {"loss": nn.CrossEntropyLoss(reduction="none")},
            "the loss must be one number: (32,)",
        ),
        (
            modules.Network,
            {"batch": (torch.ones(4, 5), torch.zeros(4, dtype=torch.int64))},
            "must take the batch: RuntimeError: mat1 and mat2",
        ),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence(
    make: Callable[[], nn.Module], options: dict[str, Any], message: str
) -> None:
    """And a hint."""
    given = {"batch": modules.batch(), "loss": ENTROPY, **options}
    with pytest.raises(NetworkError, match=re.escape(message)) as caught:
        descend.preflight(make(), **given)
    assert "\n" not in caught.value.message


def test_what_belongs_to_the_other_kind_is_refused() -> None:
    """A recipe has its own loss, a module has no edits."""
    with pytest.raises(RecipeError, match="absent for a recipe"):
        descend.preflight("xor", loss=ENTROPY)
    with pytest.raises(RecipeError, match="absent for a module"):
        descend.preflight(modules.Network(), batch=modules.batch(), loss=ENTROPY, edits={"a": 1})
