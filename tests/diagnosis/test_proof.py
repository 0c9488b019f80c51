"""A remedy is proven by training with it and without it, over the same seeds."""

from __future__ import annotations

import numpy as np

from descend.diagnosis.candidates import candidates, changes
from descend.diagnosis.checking import check
from descend.diagnosis.proof import AS_IT_IS
from descend.diagnosis.proving import prove
from descend.findings.finding import Finding, Remedy, edit
from descend.recipe import Recipe

MOONS = {"data": {"source": "moons"}, "network": {"hidden": [8]}, "training": {"epochs": 20}}


def finding(code: str, *remedies: Remedy) -> Finding:
    return Finding(evidence="", cause="", remedies=remedies, code=code, severity="error")


def test_a_remedy_that_helps_is_proven_and_one_that_does_not_is_not() -> None:
    """A rate that moves nothing is cured by a larger one, not by dropout."""
    recipe = Recipe.of(MOONS).edited({"training.lr": 1e-7})
    named = finding("D209", edit("training.lr", 0.02), edit("network.dropout", 0.5))
    proof = prove(recipe, [named], seeds=7)
    by_name = {one.candidate.name: one for one in proof.tried}
    assert by_name["lr=0.02"].verdict == "proven"
    assert by_name["lr=0.02"].cures
    assert by_name["dropout=0.5"].verdict == "unproven"
    assert proof.cure is not None
    assert proof.cure.codes == ("D209",)
    assert proof.verdict_on(named) == "proven"
    assert by_name["lr=0.02"].learned_before < 3


def test_what_helps_though_nobody_named_it_is_tried_too() -> None:
    """Without any finding the usual remedies are candidates, with no code."""
    recipe = Recipe.of(MOONS).edited({"training.lr": 1e-7})
    proof = prove(recipe, [], seeds=7)
    assert proof.cure is not None
    assert proof.cure.codes == ()
    assert proof.cure.edits == {"training.lr": None}


def test_remedies_that_change_nothing_or_cannot_be_are_no_candidates() -> None:
    """Of several findings with one remedy there is one candidate that names them all."""
    recipe = Recipe.of(MOONS).edited({"training.lr": 0.1, "network.activation": "relu"})
    named = [
        finding("D201", edit("network.activation", "relu"), edit("training.lr", 0.5)),
        finding("D202", edit("training.lr", 0.5), edit("training.lr", -1)),
    ]
    made = {one.name: one.codes for one in candidates(recipe, named)}
    assert made["lr=0.5"] == ("D201", "D202")
    assert "activation=relu" not in made
    assert "lr=-1" not in made
    assert AS_IT_IS not in made
    assert not changes(recipe, {"training.lr": -1})


def test_arrays_can_be_proven_on() -> None:
    """The candidates learn from the arrays that were given."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 3)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64)
    recipe = Recipe.of(
        {
            "data": {"source": "mine"},
            "network": {"hidden": [32]},
            "training": {"lr": 1e-7, "epochs": 100},
        }
    )
    proof = prove(recipe, check(recipe, data=(x, y)).findings, data=(x, y), seeds=6)
    assert proof.cure is not None


def test_the_cost_is_stated_beside_the_result() -> None:
    """In ordinary trainings of the recipe, with the share of its epochs that was trained."""
    recipe = Recipe.of(MOONS).edited({"network.init": "normal", "training.epochs": 100})
    proof = prove(recipe, [finding("D101", edit("network.init", "he_normal"))], seeds=6)
    assert proof.cost > 0
    assert 0 < proof.share <= 1
    assert proof.to_json()["tried"][0]["name"]
