"""Named sources: drawn from their seed, split by their defaults, refused for another task."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from descend.data import load
from descend.data.names import SOURCES
from descend.errors import DataError
from descend.recipe import Data

SIZED = [name for name, source in SOURCES.items() if source.sized]
GENERATED = [name for name in SIZED if SOURCES[name].noise is not None]


def data(source: str, **fields: Any) -> Data:
    """A recipe's wishes, unchecked: `load` must hold its ground alone."""
    return Data.model_construct(source=source, **fields)


@pytest.mark.parametrize(
    ("name", "outputs"), [("and", [0, 0, 0, 1]), ("or", [0, 1, 1, 1]), ("xor", [0, 1, 1, 0])]
)
def test_a_gate_is_its_truth_table_and_all_of_it_is_for_training(name, outputs) -> None:
    """Four rows in the tutorials' order, unscaled; nothing is held out."""
    examples = load(data(name))
    assert list(examples.splits) == ["train"]
    assert examples.train.x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert examples.train.y.flatten().tolist() == outputs
    prepared = examples.preparation.inputs(examples.train.x)
    assert torch.equal(prepared, examples.train.x)
    assert prepared.dtype == torch.float32


@pytest.mark.parametrize("name", SIZED)
def test_a_toy_is_drawn_from_its_seed_alone(name) -> None:
    """The same seed gives the same examples, another one others, as many as asked for."""
    one, two, other = (load(data(name, examples=60, seed=seed)) for seed in (3, 3, 4))
    assert one.fingerprint == two.fingerprint
    assert one.fingerprint != other.fingerprint
    assert sum(len(split) for split in one.splits.values()) == 60
    assert (len(one.split("validation")), len(one.split("test"))) == (9, 12)


@pytest.mark.parametrize("name", GENERATED)
def test_noise_moves_the_examples(name) -> None:
    """Without noise other examples come out than with much of it."""
    assert load(data(name, noise=0.0)).fingerprint != load(data(name, noise=2.0)).fingerprint


@pytest.mark.parametrize("name", ["circles", "moons", "spirals", "blobs", "bag-of-words"])
def test_classes_are_balanced(name) -> None:
    """Every class has its share of the examples, to one."""
    examples = load(data(name, validation=0, test=0))
    labels = examples.train.y.flatten().long()
    counts = labels.bincount()
    assert len(counts) == max(examples.outputs, 2)
    assert counts.max() - counts.min() <= 1


def test_noiseless_toys_have_their_closed_form() -> None:
    """The sine is a sine, the circles have radius 1 and ½, spirals stay in the unit disc."""
    sine = load(data("sine", noise=0.0, validation=0, test=0)).train
    torch.testing.assert_close(sine.y, sine.x.sin())
    circles = load(data("circles", noise=0.0, validation=0, test=0)).train
    radius = torch.where(circles.y == 0, 1.0, 0.5)
    torch.testing.assert_close(circles.x.norm(dim=1, keepdim=True), radius)
    spirals = load(data("spirals", noise=0.0, validation=0, test=0)).train
    along = spirals.x.norm(dim=1, keepdim=True)
    angle = 3 * math.pi * along + math.pi * spirals.y
    # float32 coordinates of angles up to 13: a few units in the last place of 1.
    torch.testing.assert_close(
        spirals.x, along * torch.cat([angle.cos(), angle.sin()], 1), atol=2e-6, rtol=0
    )


def test_digits_are_scikit_learns() -> None:
    """Raw values from 0 to 16 in uint8, prepared to 0..1, 8 by 8 pixels."""
    from sklearn.datasets import load_digits

    examples = load(data("digits", validation=0, test=0))
    x, y = load_digits(return_X_y=True)
    np.testing.assert_array_equal(examples.train.x.numpy(), x)
    np.testing.assert_array_equal(examples.train.y.numpy(), y)
    assert examples.train.x.dtype == torch.uint8
    np.testing.assert_array_equal(examples.preparation.inputs(examples.train.x).numpy(), x / 16)


def test_shapes_have_a_class_for_each_pixel() -> None:
    """The colour names the class where there is no noise, and all three classes occur."""
    examples = load(data("shapes", noise=0.0, validation=0, test=0))
    pixels, labels = examples.train.x.flatten(0, 1), examples.train.y.flatten()
    assert labels.bincount().min() > 1_000
    assert len(torch.cat([pixels, labels.unsqueeze(1).float()], dim=1).unique(dim=0)) == 3


def test_words_are_counts_and_nearly_all_zero() -> None:
    """5 to 40 words a text over 500 columns, in uint8, unscaled."""
    examples = load(data("bag-of-words", validation=0, test=0))
    x = examples.train.x
    assert x.dtype == torch.uint8
    lengths = x.sum(dim=1)
    assert lengths.min() >= 5
    assert lengths.max() <= 40
    assert (x > 0).float().mean() < 0.06
    assert examples.preparation.scaling == "none"


def test_scikit_learn_learns_every_class_task() -> None:
    """No toy is noise only: nearest neighbours are right far more often than chance."""
    from sklearn.neighbors import KNeighborsClassifier

    for name, chance in (("circles", 0.5), ("spirals", 0.5), ("moons", 0.5), ("blobs", 0.34)):
        examples = load(data(name))
        train, test = examples.train, examples.split("test")
        model = KNeighborsClassifier(5).fit(train.x, train.y.flatten())
        assert model.score(test.x, test.y.flatten()) > chance + 0.35, name


@pytest.mark.parametrize(
    ("source", "task", "shape", "dtype", "outputs"),
    [
        ("xor", "multiclass", (4,), torch.int64, 2),
        ("xor", "regression", (4, 1), torch.float32, 1),
        ("blobs", "multiclass", (600,), torch.int64, 3),
        ("multilabel", "multilabel", (600, 5), torch.float32, 5),
        ("shapes", "pixels", (200, 144), torch.int64, 3),
    ],
)
def test_targets_have_the_form_of_the_task(source, task, shape, dtype, outputs) -> None:
    """Binary sources also serve two classes and a regression."""
    examples = load(data(source, task=task, validation=0, test=0))
    assert examples.task == examples.preparation.task == task
    assert examples.train.y.shape == shape
    assert examples.train.y.dtype == dtype
    assert examples.outputs == outputs


@pytest.mark.parametrize("wish", [{"target": "inputs"}, {"task": "autoencoder"}])
@pytest.mark.parametrize("source", ["xor", "sine", "digits", "multilabel"])
def test_an_autoencoder_reconstructs_its_inputs(source, wish) -> None:
    """y is x, the very same tensor, in every part; there are no classes to name."""
    examples = load(data(source, **wish))
    assert examples.task == "autoencoder"
    assert examples.outputs == examples.features
    assert examples.classes is None
    for split in examples.splits.values():
        assert split.y is split.x


def test_an_autoencoders_split_is_stratified_by_the_classes_it_does_not_see() -> None:
    """The same examples are held out as for the classifier."""
    one, two = load(data("digits")), load(data("digits", target="inputs"))
    assert torch.equal(one.split("test").x, two.split("test").x)


@pytest.mark.parametrize(
    ("source", "fields", "message"),
    [
        ("sine", {"task": "multiclass"}, r"`data.task` must be regression or autoencoder for sine"),
        ("digits", {"task": "binary"}, r"must be multiclass or autoencoder for digits"),
        ("xor", {"task": "pixels"}, r"must be binary or multiclass or regression or autoencoder"),
        ("shapes", {"target": "inputs"}, r"must be pixels for shapes: 'autoencoder'"),
        ("xor", {"target": "price"}, r"`data.target` must be \"label\" or \"inputs\" for xor"),
        ("xor", {"target": "inputs", "task": "binary"}, r"must be autoencoder where"),
        ("xor", {"examples": 100}, r"`data.examples` must be absent for xor"),
        ("digits", {"noise": 0.1}, r"`data.noise` must be absent for digits"),
        ("multilabel", {"noise": 0.1}, r"`data.noise` must be absent for multilabel"),
        ("blobs", {"examples": 2}, r"`data.examples` must be 3 or more for blobs: 2"),
        ("xor", {"validation": 2, "test": 2}, r"at least one example must be left for training"),
        ("digits", {"test": 1.5}, r"`data.test` must be a share below 1"),
        ("digits", {"validation": 5_000}, r"`data.validation` must be from 0 to 1,797"),
        ("circles", {"seed": -1}, r"`data.seed` must be 0 or more"),
        ("xor", {"seed": -1}, r"`data.seed` must be 0 or more"),
    ],
)
def test_an_impossible_wish_is_refused(source, fields, message) -> None:
    """One sentence with the field, what was expected and what was given."""
    with pytest.raises(DataError, match=message):
        load(data(source, **fields))


def test_limit_keeps_the_first_training_examples_of_each_class() -> None:
    """100 digits are 100, near ten of each class, from the same validation and test set."""
    whole, limited = load(data("digits")), load(data("digits", limit=100))
    assert len(limited.train) == 100
    assert limited.train.y.bincount().tolist() == pytest.approx([10] * 10, abs=1)
    assert torch.equal(limited.split("test").x, whole.split("test").x)
    rows = {tuple(row) for row in whole.train.x[:130].tolist()}
    assert {tuple(row) for row in limited.train.x.tolist()} <= rows


def test_statistics_come_from_the_training_part_only() -> None:
    """Changing the test share changes the scale; the limit does too."""
    examples = load(data("sine", limit=50))
    x = examples.train.x.double()
    torch.testing.assert_close(examples.preparation.shift, x.mean(0))
    torch.testing.assert_close(examples.preparation.scale, x.std(0, correction=0))


def test_the_own_test_set_can_be_used_in_part(tmp_path, make_set) -> None:
    """`data.test` takes the first examples of each class of a source's own test set, or none."""
    folder = str(make_set(tmp_path / "set", train=40, test=20))
    assert len(load(data(folder)).split("test")) == 20
    part = load(data(folder, test=10)).split("test")
    assert part.y.tolist() == list(range(10))
    assert part.x[:, 0].tolist() == list(range(10))
    assert "test" not in load(data(folder, test=0)).splits
    encoded = load(data(folder, test=0.5, target="inputs")).split("test")
    assert len(encoded) == 10
    assert encoded.y is encoded.x
    with pytest.raises(DataError, match=r"`data.test` must be from 0 to 20 examples: 21"):
        load(data(folder, test=21))


def test_a_split_that_does_not_exist_is_refused_with_those_that_do() -> None:
    """A gate has a training part only."""
    with pytest.raises(DataError, match="must be one of train: 'test'"):
        load(data("xor")).split("test")


@pytest.mark.parametrize("source", [name for name in SOURCES if not SOURCES[name].has_own_test])
def test_a_recipe_with_every_choice_filled_in_gives_the_same_examples(source) -> None:
    """What a run prints as its recipe reproduces its data, to the bit."""
    one = load(data(source))
    two = load(data(source, **one.chosen))
    assert one.fingerprint == two.fingerprint
    assert one.preparation.to_json() == two.preparation.to_json()
    assert set(one.chosen) >= {"task", "scale", "target_scale", "validation", "test"}
    assert two.chosen == {}
    assert ("noise" in one.chosen) == (SOURCES[source].noise is not None)


def test_an_own_test_set_is_no_choice(tmp_path, make_set) -> None:
    """`data.test` stays open where the source brings its test set, and the recipe reproduces it."""
    folder = str(make_set(tmp_path / "set"))
    one = load(data(folder))
    assert "test" not in one.chosen
    assert load(data(folder, **one.chosen)).fingerprint == one.fingerprint


def test_the_fingerprint_sees_every_value_and_the_split() -> None:
    """The same data split in another way, or with one target changed, is another set."""
    one, two = load(data("digits")), load(data("digits", seed=1))
    assert len(one.fingerprint) == 64
    assert one.fingerprint != two.fingerprint
    assert load(data("and")).fingerprint != load(data("or")).fingerprint
