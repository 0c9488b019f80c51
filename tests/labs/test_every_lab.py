"""Every lab is what it says it is, and runs small."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from descend.errors import RecipeError
from descend.laboratory import TUTORIALS, find_lab, lab_names, labs
from tests.labs.laboratory import run_lab

PUBLISHED = {
    *("gates", "perceptron-xor", "xor-backprop", "xor-nn", "xor-nn-wide-deep"),
    *("mnist-softmax", "mnist-nn", "mnist-nn-xavier", "mnist-nn-deep", "mnist-nn-dropout"),
    *("mnist-batchnorm", "mnist-sigmoid-relu", "mnist-backprop", "vanishing-gradient"),
    *("dying-relu", "initialisation", "rbm-pretraining", "optimizers", "covariate-shift"),
    *("heads", "cute-network"),
}


def test_every_published_experiment_is_a_lab() -> None:
    """None is missing and none was added without being listed here."""
    assert set(lab_names()) == PUBLISHED


def test_labs_come_in_the_order_of_the_tutorials() -> None:
    """All of one tutorial stand together, and every tutorial has one."""
    tutorials = [lab.tutorial for lab in labs()]
    assert tuple(dict.fromkeys(tutorials)) == TUTORIALS
    assert tutorials == sorted(tutorials, key=TUTORIALS.index)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_lab_has_a_story_and_expectations_that_can_be_read(name: str) -> None:
    """A few sentences, one to a line, and expectations that differ."""
    lab = find_lab(name)
    sentences = lab.story.strip().splitlines()
    assert 3 <= len(sentences) <= 8
    assert all(line[-1] in ".!?" for line in sentences), lab.story
    assert lab.expectations
    assert all(one.what and one.expected for one in lab.expectations)
    claims = [(one.what, one.expected) for one in lab.expectations]
    assert len(set(claims)) == len(claims)


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_every_lab_runs_small_without_a_failed_check(name: str) -> None:
    """One epoch on scikit-learn's digits where MNIST is asked for: what cannot be judged is not."""
    source = "digits" if find_lab(name).recipe.data.source == "mnist" else None
    result = run_lab(name, epochs=1, data_source=source, seeds=1)
    assert list(result.runs) == [variant.name for variant in result.lab.variants]
    assert result.is_as_expected, [check for check in result.checks if check.met is False]
    assert all(check.met is not None or check.why_not for check in result.checks)
    document = json.dumps(result.to_json())
    assert len(document) < 100_000


def test_names_are_known_without_reading_a_lab() -> None:
    """`--help` and completion may ask for them: no file is read, torch and polars stay out."""
    code = (
        "import sys, descend.laboratory as l; assert len(l.lab_names()) > 20;"
        "assert not {'torch', 'polars', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("given", "meant"), [("xor_nn", "xor-nn"), ("mnist-xavier", "mnist-nn-xavier")]
)
def test_an_unknown_lab_is_an_error_with_the_nearest_name(given: str, meant: str) -> None:
    """One sentence and a hint."""
    with pytest.raises(RecipeError) as error:
        find_lab(given)
    assert repr(given) in error.value.message
    assert error.value.hint == f"did you mean {meant!r}?"


def test_a_lab_whose_variants_differ_in_their_data_keeps_them() -> None:
    """`--data` would make all its variants the same."""
    with pytest.raises(RecipeError, match="keep its data"):
        run_lab("gates", data_source="xor")
