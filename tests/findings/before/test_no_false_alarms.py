"""What is healthy raises no warning: every source and task as descend chooses, and every lab."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from descend.data.examples import Examples
from descend.data.names import SOURCES, tasks_of
from descend.data.sources import load
from descend.diagnosis.checking import check
from descend.laboratory import find_lab, lab_names
from descend.recipe.defaults import with_scales
from descend.recipe.model import Data

MNIST_LIKE = ("mnist", "fashion-mnist")
TASKS = [
    (source.name, task)
    for source in SOURCES.values()
    if source.name not in MNIST_LIKE
    for task in tasks_of(source.task)
]
# Labs that show a fault on purpose, by the codes that may be named.
ON_PURPOSE = {
    "gates/XOR": {"D152"},
    "perceptron-xor": {"D152"},
    "heads/wrong: regression, sigmoid, mse": {"D116"},
    "heads/wrong: binary, softmax over one unit": {"D112", "D106"},
    "heads/wrong: multiclass, softmax twice": {"D110"},
    "heads/wrong: multiclass, relu on the logits": {"D117"},
    "heads/wrong: multiclass, nll on logits": {"D111"},
    "heads/wrong: pixels, nll on logits": {"D111"},
    "xor-backprop/as published": {"D166"},
    "initialisation/relu, zeros": {"D104"},
    "initialisation/relu, zeros, but the biases are drawn": {"D144"},
    "initialisation/tanh, zeros": {"D104"},
    "initialisation/relu, normal": {"D101", "D106"},
    "initialisation/tanh, normal": {"D101", "D106"},
    "mnist-backprop": {"D101", "D166"},
    "mnist-nn/mnist-nn": {"D101", "D106"},
    "mnist-nn-deep/as published": {"D119"},
    "mnist-sigmoid-relu/sigmoid": {"D101", "D106"},
    "mnist-sigmoid-relu/relu": {"D101", "D106", "D117", "D160"},
    "mnist-softmax/N(0, 1)": {"D101", "D106"},
    "optimizers/rprop, batch 100": {"D168"},
    "vanishing-gradient/sigmoid": {"D151"},
}
VARIANTS = [
    pytest.param(
        name,
        variant.name,
        marks=pytest.mark.slow if find_lab(name).recipe.data.source in MNIST_LIKE else (),
    )
    for name in lab_names()
    for variant in find_lab(name).variants
]


@cache
def loaded(data: Data, folder: Path | None) -> Examples:
    """The examples of most labs are the same ones, and to read them takes most of the time."""
    return load(data, folder)


def alarms(recipe: object, **also: object) -> set[str]:
    looked = check(recipe, **also)  # type: ignore[arg-type]
    everything = [one for root in looked.findings for one in (root, *root.consequences)]
    return {one.code for one in everything if one.severity != "note"}


@pytest.mark.parametrize(("source", "task"), TASKS)
def test_what_descend_chooses_is_healthy(source: str, task: str) -> None:
    assert not alarms({"data": {"source": source, "task": task}})


@pytest.mark.parametrize(("lab", "variant"), VARIANTS)
def test_a_lab_raises_no_alarm_but_those_that_it_shows(
    lab: str, variant: str, request: pytest.FixtureRequest
) -> None:
    recipe = find_lab(lab).recipe
    edits = next(one.edits for one in find_lab(lab).variants if one.name == variant)
    recipe = recipe.edited(edits)
    folder: Path | None = None
    if recipe.data.source in MNIST_LIKE:
        folder = request.getfixturevalue("mnist_dir")
        epochs = 60 * (recipe.training.epochs or 1)  # as many steps as with all examples
        recipe = recipe.edited({"data.limit": 1000, "data.test": 200, "training.epochs": epochs})
    name = f"{lab}/{variant}"
    shown = [codes for start, codes in ON_PURPOSE.items() if name.startswith(start)]
    examples = loaded(with_scales(recipe).data, folder)
    assert alarms(recipe, data=examples, seeds=2) <= set().union(*shown)
