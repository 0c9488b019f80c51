"""A recipe that cannot be built is diagnosed as far as it goes; what is none is refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

import descend
from descend.diagnosis.checking import check
from descend.errors import RecipeError
from descend.findings.finding import Finding
from descend.recipe.recipe import edited_tree
from tests.recipe.test_problems import IMPOSSIBLE_TOGETHER, WRONG_FIELDS

DATA = {"source": "moons", "examples": 60}

NO_FIELD = ("a field that exists", "`data.source`", "'network.layers.0.dropout'")
WRONG = [
    {"data": DATA, table: {**(DATA if table == "data" else {}), **fields}}
    for table, fields, sentence in WRONG_FIELDS
    if not any(words in sentence for words in NO_FIELD)
]
TOGETHER = [
    {**tables, "data": {**tables.get("data", {}), **DATA}}
    for tables, sentence in IMPOSSIBLE_TOGETHER
    if "pixels" not in sentence  # which moons have none of
]


def faults(tree: Mapping[str, Any]) -> list[Finding]:
    """The findings of the code D100, wherever they stand."""
    found = check(tree).findings
    every = [one for finding in found for one in (finding, *finding.consequences)]
    return [one for one in every if one.code == "D100"]


@pytest.mark.parametrize("tree", [*WRONG, *TOGETHER])
def test_what_is_impossible_is_named_and_its_remedy_mends_it(tree: dict[str, Any]) -> None:
    """Each problem is a finding with its field, and an edit after which it is gone."""
    found = faults(tree)
    assert found
    for one in found:
        field = one.cause.split("`")[1]
        assert f"`{field}" in one.evidence
        assert one.severity == "error"
        (remedy,) = one.remedies
        tree = edited_tree(tree, remedy.edits)
    assert faults(tree) == []
    assert descend.Recipe.of(tree)


def test_all_that_is_impossible_is_named_at_once() -> None:
    """In different tables, behind each other, and beside what else is wrong."""
    tree = {
        "data": {**DATA, "task": "multiclass", "validation": 0.5, "test": 0.6},
        "network": {"hidden": [8, 0], "activation": "rellu", "init": "normal"},
        "training": {"loss": "poisson", "epochs": 0, "lr": -1.0},
    }
    fields = {one.cause.split("`")[1] for one in faults(tree)}
    assert fields >= {
        *("data.test", "network.hidden.1", "network.activation"),
        *("training.loss", "training.epochs", "training.lr"),
    }


def test_the_rest_is_looked_at_all_the_same() -> None:
    """Weights that begin too large are found although no epoch is to be trained."""
    found = check(
        {"data": {"source": "digits"}, "network": {"init": "normal"}, "training": {"epochs": 0}}
    )
    assert {"D100", "D101"} <= {one.code for one in found.findings}


@pytest.mark.parametrize(
    ("task", "loss"), [("regression", "bce"), ("multilabel", "nll"), ("multiclass", "poisson")]
)
def test_a_loss_of_another_task_is_the_cause_that_it_cannot_be_built(task: str, loss: str) -> None:
    """D118 says so with the loss that was asked for; D100 stands below it."""
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = {
        "regression": x[:, :1] * 3,
        "multilabel": (x > 0).astype(np.float32),
        "multiclass": (x > 0).sum(1),
    }[task]
    tree = {"data": {"task": task}, "training": {"loss": loss}}
    found = check(tree, data=(x, y)).findings
    assert found[0].code == "D118"
    assert f"loss {loss} for the task {task}" in found[0].evidence
    assert "D100" in [one.code for one in found[0].consequences]


@pytest.mark.parametrize(
    "tree",
    [
        {"data": DATA, "training": {"epochs": 0, "learning_rate": 1.0, "epoch": 3}},
        {"data": {"examples": 0}},
        {"data": DATA, "network": 3, "training": {"epochs": 0}},
    ],
)
def test_what_is_no_recipe_at_all_is_refused_with_every_problem(tree: dict[str, Any]) -> None:
    """Fields that do not exist, no source, no tables."""
    with pytest.raises(RecipeError) as caught:
        check(tree)
    assert caught.value.message.count("must be") >= len(tree) - 1
    assert caught.value.hint


def test_an_edit_may_mend_what_a_file_says() -> None:
    """Edits come before anything is judged; those that do not exist are refused."""
    tree = {"data": DATA, "training": {"epochs": 0}}
    mended = check(tree, edits={"training.epochs": 100})
    assert mended.examination.is_healthy
    assert mended.recipe.training.epochs == 100
    with pytest.raises(RecipeError, match=r"training\.epoch` must be a field that exists"):
        check(tree, edits={"training.epoch": 3})


def test_a_diagnosis_says_the_same_as_a_check() -> None:
    """Nothing is trained for it, and there is no network as it was asked for."""
    tree = {"data": DATA, "training": {"epochs": 0}}
    found = descend.diagnose(tree)
    assert [one.code for one in found.findings] == ["D100"]
    assert found.cost == 0.0
    assert not found.is_possible


def test_what_is_left_of_an_impossible_recipe_is_proven() -> None:
    """A loss that the task cannot have leaves a sigmoid that reaches no target beyond 1."""
    tree = {
        "data": {"source": "sine"},
        "network": {"hidden": [16], "output": "sigmoid"},
        "training": {"loss": "bce", "epochs": 60},
    }
    found = descend.diagnose(tree, prove=True)
    assert found.is_provable
    assert found.proof is not None
    assert found.proof.cure is not None
    cured = found.recipe.edited(found.proof.cure.edits)
    assert cured.network.output in ("identity", None)
