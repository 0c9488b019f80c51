"""Eight labs are comparisons as well, with a story, and end in a verdict over seeds."""

from __future__ import annotations

import json

import pytest

import descend
from descend.comparison.pair import UNDECIDED
from descend.comparison.paired_tests import least_seeds
from descend.errors import RecipeError
from descend.laboratory import find_lab, labs
from descend.recipe.names import SPLITS

COMPARED = {
    *("initialisation", "optimizers", "vanishing-gradient", "dying-relu", "mnist-batchnorm"),
    *("mnist-sigmoid-relu", "mnist-nn-dropout", "covariate-shift"),
}


def test_eight_labs_say_how_they_are_compared() -> None:
    """None is missing and none was added without being listed here."""
    assert {lab.name for lab in labs() if lab.compare is not None} == COMPARED


@pytest.mark.parametrize("name", sorted(COMPARED))
def test_a_comparison_has_a_story_and_verdicts_that_its_seeds_can_show(name: str) -> None:
    """A few sentences, one to a line; a test of all its pairs can come out below 5 %."""
    asked = find_lab(name).comparison
    sentences = asked.story.strip().splitlines()
    assert 2 <= len(sentences) <= 7
    assert all(line[-1] in ".!?" for line in sentences), asked.story
    assert isinstance(asked.seeds, int)
    assert asked.baseline
    variants = asked.axes(seed=0).variants()
    assert asked.seeds >= least_seeds(0.05, len(variants) - 1)
    assert asked.metric is not None
    assert asked.metric.partition("/")[0] in SPLITS
    assert any(one.verdict != UNDECIDED for one in asked.expect)
    claims = [one.what for one in asked.expectations()]
    assert len(set(claims)) == len(claims)


@pytest.mark.parametrize("name", sorted(COMPARED))
def test_every_comparison_runs_small_without_a_failed_check(name: str) -> None:
    """An epoch of a hundred of scikit-learn's digits: each variant ends, and nothing is judged."""
    edits = {"data.source": "digits", "data.limit": 100}
    small = descend.compare(name, seeds=2, epochs=1, edits=edits, processes=1, out=None)
    asked = find_lab(name).comparison
    assert [row.name for row in small.rows] == [name for name, _ in asked.axes(seed=0).variants()]
    assert all(row.summary is not None for row in small.rows), [row.reason for row in small.rows]
    assert small.reference == [row.name for row in small.rows].index(str(asked.baseline))
    assert len(small.checks) == len(asked.expect)
    assert all(check.met is None and check.why_not for check in small.checks)
    found = [check for check in small.checks if check.found]
    assert len(found) == len(small.checks), small.checks
    assert json.loads(json.dumps(small.to_json()))["is_as_expected"]


def test_the_network_without_dropout_is_that_of_the_deep_lab() -> None:
    """`mnist-nn-dropout` compares with `mnist-nn-deep`."""
    dropout, deep = find_lab("mnist-nn-dropout"), find_lab("mnist-nn-deep")
    without = dict(dropout.comparison.axes(seed=0).variants())["without"]
    differences = dropout.recipe.edited(without).differences(deep.recipe)
    assert set(differences) == {"title"}


def test_a_lab_without_a_table_is_compared_by_its_variants() -> None:
    """With the usual ten seeds and nothing that is expected."""
    asked = find_lab("rbm-pretraining").comparison
    assert [one.name for one in asked.variants] == [
        one.name for one in find_lab("rbm-pretraining").variants
    ]
    assert asked.seeds is None
    assert asked.expect == ()


def test_a_lab_whose_variants_train_alike_asks_for_what_varies() -> None:
    """Those of `xor-nn` differ in how many seeds there are and in what is measured."""
    with pytest.raises(RecipeError, match="must have something that varies") as error:
        descend.compare("xor-nn", out=None)
    assert "--vary" in str(error.value.hint)


def test_a_lab_whose_variants_differ_in_their_data_is_refused() -> None:
    """Their seeds would not be pairs."""
    with pytest.raises(RecipeError, match="same examples"):
        descend.compare("gates", epochs=1, out=None)
