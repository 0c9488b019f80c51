"""The metric that decides, and the mark of success, for every task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from descend.comparison.goal import Goal, constant_accuracy, goal_of
from descend.data.examples import Examples
from descend.errors import RecipeError
from descend.intake import complete_with_examples
from descend.recipe import Recipe


def examples_of(data: dict[str, Any], arrays: Any = None) -> Examples:
    return complete_with_examples(Recipe.of({"data": data}), arrays)[1]


HELD_OUT = {"validation": 0.2, "test": 0.2, "examples": 100}


def test_the_first_held_out_split_there_is_decides() -> None:
    """Validation before test before training; the metric is the task's most readable one."""
    assert goal_of(examples_of({"source": "moons", **HELD_OUT})).metric == "validation/accuracy"
    only_test = {"source": "moons", "validation": 0, "test": 0.2, "examples": 100}
    assert goal_of(examples_of(only_test)).metric == "test/accuracy"
    assert goal_of(examples_of({"source": "xor"})).metric == "train/accuracy"
    assert goal_of(examples_of({"source": "sine", **HELD_OUT})).metric == "validation/rmse"


def test_all_answers_must_be_right_where_nothing_is_held_out() -> None:
    """A gate has four examples: three of them are no success."""
    goal = goal_of(examples_of({"source": "xor"}))
    assert goal == Goal("train/accuracy", "train/accuracy", 1.0)
    assert goal.is_reached(1.0)
    assert not goal.is_reached(0.75)


def test_the_mark_lies_half_way_from_a_constant_answer_to_a_perfect_one() -> None:
    """70 zeros and 30 ones: 0.7 is free, (1 + 0.7) / 2 is the mark."""
    x = np.arange(100, dtype=np.float32).reshape(-1, 1)
    y = np.array([0] * 70 + [1] * 30)
    data = {"source": "arrays", "validation": 0, "test": 0.5, "task": "binary"}
    examples = examples_of(data, (x, y))
    share = max((examples.train.y == 0).double().mean(), (examples.train.y == 1).double().mean())
    assert constant_accuracy(examples) == pytest.approx(float(share), abs=1e-12)
    goal = goal_of(examples)
    assert goal.mark == pytest.approx((1 + float(share)) / 2, abs=1e-12)
    assert (goal.metric, goal.mark_metric) == ("test/accuracy", "test/accuracy")


def test_the_largest_class_is_the_constant_answer_of_many_classes() -> None:
    """Classes of 5, 3 and 2 examples: 0.5."""
    x = np.zeros((10, 1), dtype=np.float32)
    y = np.array([0] * 5 + [1] * 3 + [2] * 2)
    examples = examples_of({"source": "arrays", "validation": 0, "test": 0}, (x, y))
    assert examples.task == "multiclass"
    assert constant_accuracy(examples) == pytest.approx(0.5)


def test_each_label_has_its_own_constant_answer() -> None:
    """Labels that are on in 3 of 4 and in 1 of 2 examples: (0.75 + 0.5) / 2."""
    x = np.zeros((4, 1), dtype=np.float32)
    y = np.array([[1, 1], [1, 0], [1, 1], [0, 0]], dtype=np.float32)
    data = {"source": "arrays", "task": "multilabel", "validation": 0, "test": 0}
    assert constant_accuracy(examples_of(data, (x, y))) == pytest.approx(0.625)


@pytest.mark.parametrize("task", ["regression", "autoencoder"])
def test_numbers_are_learnt_when_half_of_their_variance_is_explained(task: str) -> None:
    """r² = ½ on the split that decides, whichever metric decides."""
    data: dict[str, Any] = {"source": "sine", **HELD_OUT}
    if task == "autoencoder":
        data = {"source": "digits", "target": "inputs", "limit": 60}
        data |= {"validation": 0.2, "test": 0.2}
    goal = goal_of(examples_of(data))
    assert (goal.metric, goal.mark_metric, goal.mark) == ("validation/rmse", "validation/r2", 0.5)
    assert not goal.higher_is_better
    assert goal.is_reached(0.5)
    assert not goal.is_reached(0.4)


def test_a_target_of_the_users_is_one_of_the_metric() -> None:
    """Reached from above for a loss, from below for an accuracy; NaN reaches nothing."""
    examples = examples_of({"source": "moons", **HELD_OUT})
    loss = goal_of(examples, "test/loss", 0.3)
    assert loss == Goal("test/loss", "test/loss", 0.3)
    assert (loss.is_reached(0.2), loss.is_reached(0.4)) == (True, False)
    accuracy = goal_of(examples, "test/accuracy", 0.9)
    assert (accuracy.is_reached(0.95), accuracy.is_reached(0.8)) == (True, False)
    assert not loss.is_reached(float("nan"))
    assert not accuracy.is_reached(float("nan"))
    assert accuracy.splits == ("test",)


def test_the_mark_of_a_loss_is_still_the_accuracy_of_its_split() -> None:
    """A loss as metric leaves the task's own mark."""
    goal = goal_of(examples_of({"source": "moons", **HELD_OUT}), "test/loss")
    assert (goal.metric, goal.mark_metric) == ("test/loss", "test/accuracy")
    assert goal.splits == ("test",)


def test_a_metric_that_does_not_exist_is_one_sentence() -> None:
    """It names those that do, and the one that was meant."""
    examples = examples_of({"source": "moons", "validation": 0, "test": 0.2, "examples": 100})
    with pytest.raises(RecipeError, match="`metric` must be one of test/loss") as caught:
        goal_of(examples, "accuracy")
    assert caught.value.hint == "did you mean 'test/accuracy'?"
    with pytest.raises(RecipeError, match="'validation/accuracy'"):
        goal_of(examples, "validation/accuracy")
    with pytest.raises(RecipeError, match="'test/r2'"):
        goal_of(examples, "test/r2")


def test_pixels_are_judged_by_their_share_of_right_classes() -> None:
    """The constant answer is the most frequent class of all pixels."""
    examples = examples_of({"source": "shapes", "examples": 30})
    y = examples.train.y
    counts = torch.bincount(y.flatten())
    assert constant_accuracy(examples) == pytest.approx(float(counts.max() / counts.sum()))
