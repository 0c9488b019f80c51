"""A remedy is proven by training with it and without it, over the same seeds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from descend.diagnosis.candidates import ANEW, Candidate, candidates, changes
from descend.diagnosis.checking import check
from descend.diagnosis.diagnosing import Diagnosis, diagnose
from descend.diagnosis.proof import AS_IT_IS, Proof, Tried, best_first
from descend.diagnosis.proving import prove
from descend.findings.finding import Finding, Remedy, edit
from descend.findings.trial import Trial
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
    recipe = Recipe.of(MOONS).edited({"training.lr": 1e-7, "training.epochs": 80})
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


@pytest.mark.parametrize(
    ("hidden", "training"),
    [
        ([8], {"epochs": 100}),
        ([8], {"epochs": 2}),
        ([8], {"epochs": 7, "batch_size": "all"}),
        ([8], {"epochs": 1, "batch_size": "all"}),
        ([500, 500], {"epochs": 3, "batch_size": "all"}),
        ([500, 500], {"epochs": 1, "batch_size": "all"}),
        ([300], {"epochs": 1, "batch_size": 500, "optimizer": "lbfgs"}),
    ],
)
def test_a_proof_costs_ten_trainings_at_most(hidden: list[int], training: dict[str, Any]) -> None:
    """In work as it is planned, whatever the training's length and the network's size."""
    recipe = Recipe.of({**MOONS, "network": {"hidden": hidden, "init": "normal"}})
    recipe = recipe.edited({f"training.{name}": value for name, value in training.items()})
    named = [
        finding("D101", edit("network.init", "he_normal")),
        finding("D162", edit("training.epochs", 400)),
        finding("D303", edit("training.epochs", 4000), edit("network.hidden", [64, 64])),
    ]
    proof = prove(recipe, named)
    assert 0 < proof.cost <= 10
    assert 0 < proof.share <= 1
    assert proof.tried


def test_less_can_be_asked_for() -> None:
    recipe = Recipe.of(MOONS)
    named = finding("D209", edit("training.lr", 0.02), edit("network.hidden", [64]))
    assert 0 < prove(recipe, [named], most_cost=3.0).cost <= 3


def test_the_extra_cost_of_a_remedy_is_stated() -> None:
    """In trainings of the recipe as it is, with the share of its own steps that was trained."""
    recipe = Recipe.of(MOONS)
    named = [
        finding("D303", edit("training.epochs", 400)),
        finding("D999", edit("training.lr", 0.1)),
    ]
    tried = {one.candidate.name: one for one in prove(recipe, named).tried}
    long, rate = tried["epochs=400"], tried["lr=0.1"]
    assert long.cost == pytest.approx(20)
    assert rate.cost == pytest.approx(1)
    assert long.share is not None
    assert rate.share is not None
    assert long.share < rate.share <= 1
    assert long.to_json()["cost"] == long.cost


def test_a_training_that_is_too_short_is_cured_by_one_that_is_long_enough() -> None:
    """Two epochs of slow steps, through small sigmoid layers: no single edit of these does it.

    What cures them takes far longer than they do, and a proof must be allowed that cost.
    """
    recipe = Recipe.of(
        {
            "data": {"source": "moons"},
            "network": {
                "hidden": [20, 20, 20],
                "activation": "sigmoid",
                "init": {"name": "normal", "std": 0.05},
            },
            "training": {"optimizer": "sgd", "lr": 0.01, "epochs": 2},
        }
    )
    findings = check(recipe).findings
    proof = prove(recipe, findings, most_cost=500.0)
    assert proof.is_cure
    assert ANEW not in [one.candidate.name for one in proof.tried if one.verdict == "harmful"]
    assert prove(recipe, findings).cost <= 10


def test_where_nothing_cures_what_helps_is_the_cure() -> None:
    tried = [
        Tried(Candidate(name, {}, ()), verdict, "", 8, learned, 0, mean=mean)
        for name, verdict, learned, mean in (
            ("a", "unproven", 8, 0.9),
            ("b", "proven", 2, 0.4),
            ("c", "proven", 3, 0.5),
        )
    ]
    proof = Proof(best_first(tried, 1), "test/r2", 8, 1.0, 10.0, 1.0)
    assert proof.cure is not None
    assert proof.cure.name == "c"
    assert not proof.is_cure
    assert Proof(tried[:1], "test/r2", 8, 1.0, 10.0, 1.0).cure is None


def test_where_nothing_cures_what_was_named_and_cut_short_comes_first() -> None:
    """A remedy of which only a part was trained shows less than it does."""
    named, cut = Candidate("named", {"a": 1}, ("D303",)), Candidate("other", {"b": 1}, ())
    tried = [
        Tried(cut, "proven", "", 8, 2, 0, mean=0.7, is_cut=True),
        Tried(named, "proven", "", 8, 1, 0, mean=0.5, is_cut=True),
    ]
    assert best_first(tried, 1)[0].candidate.name == "named"
    whole = [tried[0], replace(tried[1], is_cut=False)]
    assert best_first(whole, 1)[0].candidate.name == "other"
    cures = [replace(tried[0], learned=8), tried[1]]
    assert best_first(cures, 1)[0].candidate.name == "other"


def test_what_could_be_tried_in_part_only_is_offered_as_unproven() -> None:
    """Where something was proven, or it did harm, or nobody named it, it is not."""
    cut = Tried(Candidate("long", {"a": 1}, ("D162",)), "unproven", "", 8, 0, 0, is_cut=True)
    proven = Tried(Candidate("b", {"b": 1}, ()), "proven", "", 8, 8, 0)

    def offered(*tried: Tried) -> Candidate | None:
        return Proof(tried, "test/accuracy", 8, 1.0, 10.0, 1.0).unproven

    assert offered(cut) == cut.candidate
    assert offered(proven, cut) is None
    assert offered(replace(cut, verdict="harmful")) is None
    assert offered(replace(cut, is_cut=False)) is None
    assert offered(replace(cut, candidate=Candidate("long", {"a": 1}, ()))) is None


def test_the_remedy_of_a_diagnosis_is_what_was_proven_or_tried_or_named() -> None:
    """In this order, and nothing before there is a proof."""
    found = diagnose(Recipe.of(MOONS), edits={"training.epochs": 2}, seeds=1)
    assert found.remedy is None
    assert found.cured is None
    cut = Tried(
        Candidate("long", {"training.epochs": 9}, ("D162",)), "unproven", "", 8, 0, 0, is_cut=True
    )
    better = Tried(Candidate("rate", {"training.lr": 0.02}, ("D209",)), "proven", "", 8, 8, 0)
    trial = Trial({"training.epochs": 50}, 0.1, 0.9)
    bare = replace(found, records=[replace(found.records[0], trials={})])
    tried = replace(found, records=[replace(found.records[0], trials={"D162": trial})])

    def epochs_and_rate(diagnosis: Diagnosis, *proven: Tried) -> tuple[Any, Any]:
        proof = Proof(proven, "test/accuracy", 8, 1.0, 10.0, 1.0)
        cured = replace(diagnosis, proof=proof).cured
        return (None, None) if cured is None else (cured.training.epochs, cured.training.lr)

    assert epochs_and_rate(tried, better, cut) == (2, 0.02)
    assert epochs_and_rate(tried, cut) == (50, None)
    assert epochs_and_rate(bare, cut) == (9, None)
    assert epochs_and_rate(bare) == (None, None)


def test_of_cures_as_good_the_smaller_edit_is_taken_and_of_others_the_better() -> None:
    def first(*means: float) -> str:
        names = (ANEW, "named", "together")
        edits = ({"a": 1, "b": 2, "c": 3}, {"a": 1}, {"a": 1, "b": 2})
        codes = ((), ("D209",), ("D209", "D101"))
        tried = [
            Tried(Candidate(*one), "proven", "", 8, 8, 0, mean=mean)
            for *one, mean in zip(names, edits, codes, means, strict=True)
        ]
        return best_first(tried, 1)[0].candidate.name

    assert first(0.95, 0.94, 0.96) == "named"
    assert first(0.99, 0.90, 0.90) == "named"
    assert first(0.99, 0.75, 0.95) == "together"
    assert first(0.99, 0.60, 0.70) == ANEW


def test_a_combination_proves_nothing_of_what_it_does_as_well_without() -> None:
    rate, both = {"training.lr": 3.0}, {"training.lr": 3.0, "network.batch_norm": "before"}
    norm = {"network.batch_norm": "before"}
    tried = [
        Tried(Candidate("both", both, ("D208", "D214")), "proven", "", 8, 7, 3),
        Tried(Candidate("rate", rate, ("D208",)), "unproven", "", 2, 2, 0),
        Tried(Candidate("norm", norm, ("D214",)), "unproven", "", 2, 0, 0),
    ]
    proof = Proof(tried, "test/accuracy", 8, 1.0, 10.0, 1.0)
    assert proof.verdict_on(finding("D208")) == "proven"
    assert proof.verdict_on(finding("D214")) == "unproven"


def test_what_changes_the_examples_is_no_candidate() -> None:
    """Where nothing is held out, holding some out leaves other examples to learn from."""
    recipe = Recipe.of(
        {
            "data": {"source": "moons", "test": 0, "validation": 0},
            "network": {"hidden": [4]},
            "training": {"epochs": 3, "lr": 1e-6},
        }
    )
    findings = check(recipe).findings
    assert "D142" in {one.code for one in findings}
    proof = prove(recipe, findings)
    assert proof.tried
    assert not any("test" in one.candidate.name for one in proof.tried)


def test_one_change_in_two_ways_is_one_candidate_of_both_findings() -> None:
    """That nothing is left open which was open already is none of it."""
    recipe = Recipe.of(MOONS)
    named = [
        finding("D162", Remedy({"training.epochs": 273, "training.steps": None})),
        finding("D303", edit("training.epochs", 273)),
    ]
    made = [one for one in candidates(recipe, named) if one.codes]
    assert [one.codes for one in made] == [("D162", "D303")]


def test_a_trial_that_the_proof_contradicts_is_no_remedy() -> None:
    """What was proven to harm, or not to help, when all of its steps were trained."""
    found = diagnose(Recipe.of(MOONS), edits={"training.epochs": 2}, seeds=1)
    edits = {"training.epochs": 50}
    tried = replace(
        found, records=[replace(found.records[0], trials={"D162": Trial(edits, 0.1, 0.9)})]
    )
    for share, is_offered in ((1.0, False), (0.1, True)):
        row = Tried(Candidate("long", edits, ("D162",)), "unproven", "", 8, 0, 0, share=share)
        proof = Proof([row], "test/accuracy", 8, 1.0, 10.0, 1.0)
        assert (replace(tried, proof=proof).remedy is not None) == is_offered
