"""Variants: completed recipes, or the reason why one cannot be trained."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from descend.comparison.variants import IMPOSSIBLE, Builder, UnlikeExamples, Variant
from descend.data.examples import Examples
from descend.errors import DescendError, RecipeError
from descend.intake import complete_with_examples
from descend.recipe import Recipe
from descend.training.training import Training

BASE = Recipe.of(
    {
        "data": {"source": "moons", "examples": 60, "validation": 0.1, "test": 0.2},
        "network": {"hidden": [4]},
        "training": {"epochs": 3, "batch_size": 16},
    }
)


def build(*edits: dict[str, Any], base: Recipe = BASE, data: Any = None) -> list[Variant]:
    named = [(str(place), one) for place, one in enumerate(edits)]
    return Builder(data, None).build(base, named)


def test_a_variant_is_a_completed_recipe_that_is_evaluated_for_the_goal() -> None:
    """What is open is chosen, and the goal's split added to those that the recipe evaluates."""
    (plain,) = build({"training.lr": 0.5})
    assert plain.recipe is not None
    assert plain.recipe.training.lr == 0.5
    assert plain.recipe.training.loss == "bce"
    assert plain.recipe.training.evaluate == ("validation",)
    assert plain.steps_per_epoch == 3  # 42 examples in batches of 16
    (own,) = build({"training.evaluate": ["test", "train"]})
    assert own.recipe is not None
    assert own.recipe.training.evaluate == ("test", "train", "validation")
    builder = Builder(None, None, "test/loss", 0.3)
    (other,) = builder.build(BASE, [("x", {})])
    assert other.recipe is not None
    assert other.recipe.training.evaluate == ("validation", "test")  # the first is its default
    assert builder.goal is not None
    assert (builder.goal.metric, builder.goal.mark) == ("test/loss", 0.3)


IMPOSSIBLES: dict[str, tuple[dict[str, Any], str]] = {
    "too few outputs": ({"training.loss": "nll", "network.outputs": 1}, "`network.outputs` must"),
    "a loss of another task": ({"training.loss": "poisson"}, "poisson"),
    "a width of none": ({"network.hidden": [0]}, "network.hidden"),
    "a batch beyond the set": (
        {"training.batch_size": 64, "training.drop_last": True},
        "`training.batch_size` must be 42 or less",
    ),
    "machines above other layers": (
        {"network.layers": [{"units": 3}, {"units": 3, "init": "rbm"}], "network.hidden": None},
        "rbm",
    ),
    "weights for classes that there are not": (
        {"training.class_weights": [1.0, 1.0, 1.0]},
        "class_weights",
    ),
    "a metric of another task": (
        {"training.early_stopping": {"metric": "validation/r2"}},
        "early_stopping",
    ),
}


@pytest.mark.parametrize("kind", IMPOSSIBLES)
def test_what_cannot_be_trained_is_a_row_with_the_reason(kind: str) -> None:
    """Beside variants in which each of its values is possible; alone it is the error itself."""
    edits, reason = IMPOSSIBLES[kind]
    with pytest.raises(IMPOSSIBLE) as caught:
        build({"training.lr": 0.1, **edits})
    assert reason in caught.value.message
    assert "must" in caught.value.message


def test_a_combination_that_is_impossible_is_a_row() -> None:
    """Two outputs are possible with one loss, and that loss with one output is not."""
    losses, outputs = ("cross_entropy", "mse"), (1, 2)
    grid = [{"training.loss": a, "network.outputs": b} for a in losses for b in outputs]
    built = build(*grid)
    assert [variant.recipe is not None for variant in built] == [False, True, True, False]
    assert built[0].reason == "`network.outputs` must be 2 or more for these data: 1"
    assert built[3].reason == "`network.outputs` must be 1 for these data: 2"


FIELDS: dict[str, list[Any]] = {
    "network.hidden": [[], [3], [3, 5]],
    "network.outputs": [1, 2, 5],
    "network.output": ["sigmoid", "softmax", "identity"],
    "network.init": ["rbm", "torch", {"name": "rbm", "epochs": 2}],
    "network.activation": ["relu", "sigmoid"],
    "training.loss": ["bce", "mse", "cross_entropy", "nll", "huber"],
    "training.loss_on": ["logits", "probabilities"],
    "training.optimizer": ["sgd", "adam", "lbfgs", "sparse_adam", "rprop"],
    "training.batch_size": ["all", 16, 42, 43, 1000],
    "training.drop_last": [True, False],
    "training.class_weights": ["balanced", [1.0, 2.0], [1.0, 2.0, 3.0]],
    "training.schedule": ["plateau", "one_cycle", {"name": "warmup", "epochs": 2}],
    "training.early_stopping": [
        {"metric": f"{s}/{m}"} for s in ("test", "train") for m in ("r2", "accuracy")
    ],
    "training.evaluate": [[], ["test"], ["validation"]],
    "training.steps": [1, 7],
    "data.scale": ["standard", "unit", "none"],
}


@settings(max_examples=60)
@given(
    st.sampled_from(["moons", "sine", "blobs", "multilabel", "xor"]),
    st.lists(st.sampled_from(list(FIELDS)), max_size=4, unique=True).flatmap(
        lambda fields: st.fixed_dictionaries({f: st.sampled_from(FIELDS[f]) for f in fields})
    ),
)
def test_a_variant_is_impossible_where_its_training_cannot_begin(
    source: str, edits: dict[str, Any]
) -> None:
    """Nothing that a stack would refuse is planned, and nothing refused that it would train."""
    data = {"source": source, "test": 0.2, "validation": 0.1, "examples": 60}
    base = Recipe.of({"data": data if source != "xor" else {"source": "xor"}})
    variant, reason = None, ""
    try:
        (variant,) = build(edits, base=base)
    except DescendError as error:
        reason = error.message
    training, refusal = None, ""
    try:
        training = Training(*possible(base.edited(edits)))
    except DescendError as error:
        refusal = error.message
    assert bool(variant) == bool(training), reason or refusal
    if variant and training:
        assert variant.steps_per_epoch == training.steps_per_epoch


def possible(recipe: Recipe) -> tuple[list[Recipe], Examples]:
    """What a training of this recipe alone is made of."""
    completed, examples = complete_with_examples(recipe)
    return [completed], examples


def test_variants_that_learn_from_other_examples_are_refused() -> None:
    """Their seeds would be no pairs; scales are the network's business."""
    with pytest.raises(UnlikeExamples, match="those of '1' differ from those of '0'") as caught:
        build({"data.noise": 0.1}, {"data.noise": 0.3})
    assert "`data.scale` may vary" in str(caught.value)
    for field, values in {"examples": (60, 80), "seed": (1, 2), "test": (0.1, 0.2)}.items():
        with pytest.raises(UnlikeExamples):
            build(*({f"data.{field}": value} for value in values))
    scaled = build({"data.scale": "standard"}, {"data.scale": "none"})
    assert all(variant.recipe is not None for variant in scaled)


def test_variants_of_several_tasks_are_refused() -> None:
    """The same numbers as yes and no and as amounts have no metric in common."""
    x, y = np.zeros((20, 2), dtype=np.float32), np.array([0.0, 1.0] * 10, dtype=np.float32)
    base = Recipe.of({"data": {"source": "arrays", "test": 0.2, "validation": 0}})
    with pytest.raises(UnlikeExamples, match="one task"):
        build({"data.task": "regression"}, {"data.task": "binary"}, base=base, data=(x, y))


def test_a_metric_that_does_not_exist_is_no_variants_fault() -> None:
    """It is the error of the whole comparison."""
    with pytest.raises(RecipeError, match="`metric` must be one of"):
        Builder(None, None, "test/r2").build(BASE, [("a", {}), ("b", {"training.lr": 0.1})])


def test_variants_are_read_back_as_they_were() -> None:
    """From the JSON of comparison.json, impossible ones included."""
    edits = [{"network.init": {"name": "normal", "std": 0.1}}, {"training.betas": [0.8, 0.9]}]
    built = build(*edits, {"training.class_weights": "balanced"})
    built.append(Variant("bad", {"network.hidden": [0]}, None, reason="none"))
    for variant in built:
        again = Variant.from_json(json.loads(json.dumps(variant.to_json())))
        assert again == variant


def test_five_hundred_variants_are_built_in_a_moment() -> None:
    """Some 2 ms each, with every call checked; the data are loaded once a scale."""
    named = [
        (str(place), {"training.lr": 0.001 * (place + 1), "data.scale": scale})
        for place in range(250)
        for scale in ("standard", "none")
    ]
    builder = Builder(None, None)
    begin = time.process_time()
    built = builder.build(BASE, named)
    assert time.process_time() - begin < 6.0
    assert len(built) == 500
    assert len({id(examples) for examples in builder.loaded.values()}) == 2
