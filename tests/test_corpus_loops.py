"""How benchmarks/diagnosis.py runs a case's own loop, and what a watch names in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("benchmarks.corpus", reason="the benchmarks are not part of this package")

from benchmarks.corpus.arrays import load
from benchmarks.corpus.cases import Case
from benchmarks.corpus.loops import Habits, needs_a_loop, plain
from benchmarks.corpus.verdicts import Means, Named, verdict
from descend.training.training import Training
from tests.test_corpus import case_of, dense, written

POINTS = [divmod(27 * place % 64, 8) for place in range(64)]  # of a grid, in no order
NUMBERS = {
    "kind": "inline",
    "x": [[a / 8, b / 8] for a, b in POINTS],
    "y": [(a - b) / 8 for a, b in POINTS],
    "n_train": 48,
}
MIXED = {"type": "batchnorm"}


def regression(**loop: Any) -> Case:
    """A small regression that learns in a correct loop, with validation examples."""
    return case_of(
        dense(16, "tanh"),
        MIXED,
        dense(8, "tanh"),
        dense(1, "linear"),
        task="regression",
        data=NUMBERS,
        preprocessing={"input": "none", "target": "none", "target_encoding": "absent"},
        loss={"name": "mse", "on": "values", "reduction": "mean"},
        optimizer={"name": "sgd", "lr": 0.05, "momentum": 0.9},
        batch_size=16,
        epochs=100,
        loop=loop,
    )


def named(tmp_path: Path, case: Case) -> list[Named]:
    """What is graver than a note, causes first."""
    said = verdict(case, Means(written(tmp_path, case), seeds=1))
    assert said.state == "done", said.reason
    return [one for one in said.named if one.severity != "note"]


FAULTS: dict[str, dict[str, Any]] = {
    "missing_zero_grad": {"zero_grad": False},
    "missing_step": {"step": False},
    "left_in_eval": {"train_mode": False},
    "missing_eval": {"eval_mode": False},
    "dropout_mode_inverted": {"train_mode": False, "eval_mode": False},
    "params_not_in_optimizer": {"optimizer_params": ["layers.2", "layers.3"]},
    "detached_graph": {"detach_after": 2},
    "flipped_gradient": {"gradient_sign": -1},
    "target_shape_broadcast": {"target_shape": "(N,)"},
}


@pytest.mark.parametrize("cause", FAULTS)
def test_the_fault_of_a_loop_is_named_first(cause: str, tmp_path: Path) -> None:
    first = named(tmp_path, regression(**FAULTS[cause]))[0]
    assert cause in first.causes, first
    places = {"params_not_in_optimizer": (0, 1), "detached_graph": (2,)}
    assert first.layers == places.get(cause, first.layers)


CORRECT: dict[str, Any] = {
    "zero_grad": True,
    "step": True,
    "train_mode": True,
    "eval_mode": True,
    "eval_batch_size": 4,
    "optimizer_params": "all",
    "detach_after": None,
    "target_shape": "(N, 1)",
    "gradient_sign": 1,
    "optimizer_recreated_each_step": False,
}


def test_a_correct_loop_is_healthy(tmp_path: Path) -> None:
    assert named(tmp_path, regression(**CORRECT)) == []


WHEN: dict[str, tuple[bool, bool]] = {  # too late, last
    "after_backward": (True, False),
    "before step": (True, False),
    "between: after-backward, before-step": (True, False),
    "before_backward": (False, False),
    "After Step": (False, True),
    "end": (False, True),
}


@pytest.mark.parametrize("words", WHEN)
def test_only_a_gradient_that_is_zeroed_between_backward_pass_and_step_is_lost(words: str) -> None:
    habits = Habits.of({"zero_grad": words})
    assert (habits.zeroes_too_late, habits.zeroes_last) == WHEN[words]


def test_a_gradient_that_is_zeroed_behind_the_step_is_sound(tmp_path: Path) -> None:
    assert named(tmp_path, regression(zero_grad="after_step")) == []
    assert named(tmp_path, regression(zero_grad="after_backward"))[0].code == "D222"


THREE = {
    "kind": "inline",
    "x": [[a / 4, b / 4] for a, b in POINTS],
    "y": [int(a > b) + int(a > 2 * b) for a, b in POINTS],
    "n_train": 48,
}


def probabilities(loss: str, outputs: int, last: str, **more: Any) -> Case:
    """Classes by a loss on probabilities, at a rate that soon makes them sure of themselves."""
    encoding = "binary" if outputs == 1 else "index"
    binary = {**THREE, "y": [int(a > b) for a, b in POINTS]}
    return case_of(
        dense(16, "tanh"),
        dense(outputs, last),
        task="binary" if outputs == 1 else "multiclass",
        data=binary if outputs == 1 else THREE,
        preprocessing={"input": "none", "target": "none", "target_encoding": encoding},
        loss={"name": loss, "on": "probabilities", "reduction": "mean", **more},
        optimizer={"name": "adam", "lr": 3.0},
        batch_size=16,
        epochs=20,
    )


@pytest.mark.parametrize(
    ("loss", "outputs", "last"),
    [("bce", 1, "sigmoid"), ("sparse_categorical_crossentropy", 3, "softmax")],
)
def test_a_loss_without_a_bound_is_trained_as_such(
    loss: str, outputs: int, last: str, tmp_path: Path
) -> None:
    case = probabilities(loss, outputs, last, clip=None)
    assert needs_a_loop(case)
    assert not needs_a_loop(probabilities(loss, outputs, last))
    said = verdict(case, Means(written(tmp_path, case), seeds=1))
    assert said.notes == ()
    (found,) = [one for one in said.named if one.code == "D236"]
    assert (found.causes, found.layers) == (("log_of_nonpositive",), (1,))
    assert not found.is_consequence


def test_a_loss_without_a_bound_is_the_bounded_one_where_nothing_is_0(tmp_path: Path) -> None:
    heads = (("bce", 1, "sigmoid"), ("cross_entropy", 3, "softmax"))
    for case in (probabilities(*head, clip=None) for head in heads):
        arrays = load(case, written(tmp_path, case), None)
        loop = plain(case, arrays, 0)
        known = {name: one for name, one in case.tree["loss"].items() if name != "clip"}
        bounded = plain(Case({**case.tree, "loss": known}), arrays, 0)
        p = loop.network(loop.x)
        expected = bounded.criterion(p, loop.y)
        torch.testing.assert_close(loop.criterion(p, loop.y), expected, rtol=1e-6, atol=0)


def test_class_numbers_for_one_hot_rows_are_spread_as_keras_does(tmp_path: Path) -> None:
    """-label · Σ ln p, and a watch says what is wrong with it."""
    case = probabilities("categorical_crossentropy", 3, "softmax")
    assert needs_a_loop(case)
    assert not needs_a_loop(Case({**case.tree, "epochs": 0}))  # and is refused as a recipe
    for other in ("sparse_categorical_crossentropy", "cross_entropy"):
        assert not needs_a_loop(probabilities(other, 3, "softmax"))
    loop = plain(case, load(case, written(tmp_path, case), None), 0)
    assert loop.y.shape == (48, 1)
    p = loop.network(loop.x)
    expected = (-loop.y.flatten() * p.log().sum(dim=1)).mean()
    torch.testing.assert_close(loop.criterion(p, loop.y), expected, rtol=1e-6, atol=0)
    case.tree["optimizer"]["lr"] = 0.01
    first = named(tmp_path, case)[0]
    assert (first.code, first.layers) == ("D233", (1,))
    assert "label_encoding" in first.causes


def test_a_module_of_a_loop_is_a_place_in_the_case(tmp_path: Path) -> None:
    first = named(tmp_path, regression(train_mode=False))[0]
    assert (first.code, first.layers) == ("D229", (0, 1))


def test_a_recipe_has_words_for_a_seed_and_the_order_of_the_examples() -> None:
    assert not needs_a_loop(case_of(loop={"seed": 24, "shuffle": False}))
    assert not needs_a_loop(case_of())
    assert needs_a_loop(case_of(loop={"seed": 24, "zero_grad": True}))
    assert needs_a_loop(case_of(dense(2, trainable=False), dense(1, "sigmoid")))


def test_layers_that_are_not_trained_are_a_note(tmp_path: Path) -> None:
    case = regression()
    case.tree["layers"][0]["trainable"] = False
    said = verdict(case, Means(written(tmp_path, case), seeds=1))
    assert [(one.code, one.severity, one.layers) for one in said.named] == [
        ("D226", "note", (0, 1))
    ]


def test_a_plain_loop_begins_with_the_weights_of_its_recipe(tmp_path: Path) -> None:
    """The same seed draws the same network, whoever trains it."""
    from benchmarks.corpus.arrays import as_examples
    from descend.intake import complete_with_examples
    from descend.recipe import Recipe

    case = regression()
    arrays = load(case, written(tmp_path, case), None)
    loop = plain(case, arrays, 7)
    examples = as_examples(arrays, loop.recipe.task, loop.recipe.tree["data"])
    recipe, examples = complete_with_examples(Recipe.of(loop.recipe.tree), examples)
    stack = Training([recipe.edited({"training.seed": 7})], examples).stack
    for block, views in zip(loop.network.blocks, stack.views, strict=True):
        assert torch.equal(block[0].weight.T, views.w[0])
        assert torch.equal(block[0].bias, views.b[0, 0])


@pytest.mark.parametrize(("words", "are_flat"), [("(N,)", True), ([-1], True), ("(N, 1)", False)])
def test_a_shape_of_targets_is_read_however_it_is_spelled(words: Any, are_flat: bool) -> None:
    assert Habits.of({"target_shape": words}).targets_are_flat is are_flat


def test_words_that_are_not_known_are_kept() -> None:
    assert Habits.of({"zero_grad": False, "magic": 1}) == Habits(
        zero_grad=False, unknown=("magic",)
    )


def test_an_optimizer_of_nothing_trains_nothing(tmp_path: Path) -> None:
    case = regression(optimizer_params=[])
    loop = plain(case, load(case, written(tmp_path, case), None), 0)
    before = [one.detach().clone() for one in loop.network.parameters()]
    list(zip(loop.steps(), range(5), strict=False))
    after = list(loop.network.parameters())
    assert all(np.array_equal(a, b.detach()) for a, b in zip(before, after, strict=True))
