"""Diagnosing: what comes out is the same for a recipe and its run; healthy sources stay silent."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch import nn

import descend
from descend.diagnosis.diagnosing import diagnose
from descend.diagnosis.examination import examine
from descend.errors import RecipeError
from descend.findings.record import Record
from descend.findings.rule import rules
from tests.findings.scenes import HEALTHY, codes

SICK: dict[str, Any] = {
    "network.activation": "tanh",
    "training.optimizer": "sgd",
    "training.lr": 100.0,
}
EMBEDDED = ("and", "or", "xor", "circles", "blobs", "moons", "spirals", "sine", "digits")


@pytest.mark.parametrize("edits", [{}, SICK, {"training.lr": 1e-7, "training.optimizer": "sgd"}])
def test_a_run_is_diagnosed_as_its_recipe(tmp_path: Path, edits: dict[str, Any]) -> None:
    run = descend.train(HEALTHY, edits=edits, seeds=3, out=tmp_path)
    of_recipe = diagnose(HEALTHY, edits=edits, share=1.0)
    of_folder, of_run = diagnose(run.folder or ""), diagnose(run)
    assert codes(of_recipe) == codes(of_folder) == codes(of_run)
    assert of_folder.run == run.folder
    for record, other in zip(of_folder.records, of_recipe.records, strict=True):
        shared = np.isin(other.steps, record.steps)
        np.testing.assert_array_equal(
            other.losses[shared], record.losses[np.isin(record.steps, other.steps)]
        )
        assert [layer.spread for layer in record.layers] == [x.spread for x in other.layers]


def test_a_run_that_began_with_given_weights_is_read_without_drawing_them_again(
    tmp_path: Path,
) -> None:
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    recipe = {"data": {"source": "moons"}, "training": {"epochs": 5}}
    run = descend.train(recipe, model=model, out=tmp_path)
    [record] = diagnose(run.folder or "").records
    assert all(layer.spread is None for layer in record.layers)
    assert not record.forks


def test_a_verdict_comes_within_a_tenth_of_the_steps() -> None:
    diagnosis = diagnose({**HEALTHY, "training": {**HEALTHY["training"], "epochs": 80}}, edits=SICK)
    assert not diagnosis.is_healthy
    assert diagnosis.share <= 0.101


def test_a_recipe_that_cannot_be_built_is_a_finding() -> None:
    diagnosis = diagnose({"data": {"source": "moons"}, "network": {"outputs": 7}})
    assert "D100" in codes(diagnosis)
    assert diagnosis.share == 0


def test_edits_of_a_run_are_refused(tmp_path: Path) -> None:
    run = descend.train("xor", epochs=2, out=tmp_path)
    with pytest.raises(RecipeError, match="edits"):
        diagnose(run, edits={"training.lr": 1.0})


def test_the_document_is_json() -> None:
    document = diagnose("xor", edits={"training.epochs": 40}).to_json()
    assert json.loads(json.dumps(document))["share"] > 0


def test_a_record_without_measurements_makes_no_rule_guess() -> None:
    """Every rule is silent, or finds nothing, where nothing was taken."""
    later = [rule for rule in rules() if rule.family != "before"]
    examination = examine([Record(status="finished", seeds=3)] * 3, later)
    assert not examination.findings
    assert len(examination.silent) > len(examination.ran)


@pytest.mark.parametrize("source", EMBEDDED)
def test_what_descend_chooses_by_itself_is_healthy(source: str) -> None:
    diagnosis = diagnose(source)
    assert diagnosis.is_healthy, [finding.evidence for finding in diagnosis.findings]
    assert diagnosis.share == 1.0


def test_an_autoencoder_is_healthy() -> None:
    recipe = {"data": {"source": "digits", "target": "inputs"}, "training": {"epochs": 30}}
    assert diagnose(recipe).is_healthy
