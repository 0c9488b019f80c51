"""Arrays from Python: the task is inferred, and what cannot be trained on is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from descend.data import from_arrays, split_from_arrays
from descend.data.arrays import inputs_from_arrays
from descend.errors import DataError
from descend.recipe import Data

X = np.random.default_rng(0).normal(size=(30, 3))
HALF = np.arange(30) % 2
THIRD = np.arange(30) % 3
WORDS = np.array(["cat", "dog", "emu"])


def data(**fields: Any) -> Data:
    """A recipe's wishes, unchecked: `from_arrays` must hold its ground alone."""
    return Data.model_construct(source="arrays", **fields)


ALL = {"validation": 0, "test": 0}


@pytest.mark.parametrize(
    ("y", "task", "outputs", "classes"),
    [
        (X[:, 0], "regression", 1, None),
        (X[:, :2], "regression", 2, None),
        (X[:, :1].astype(np.float32), "regression", 1, None),
        (HALF, "binary", 1, ("0", "1")),
        (HALF.astype(bool), "binary", 1, ("0", "1")),
        (HALF.astype(np.float32)[:, None], "binary", 1, ("0", "1")),
        (HALF * 2 - 1, "binary", 1, ("-1", "1")),
        (WORDS[HALF], "binary", 1, ("cat", "dog")),
        (THIRD, "multiclass", 3, ("0", "1", "2")),
        (THIRD.astype(np.uint8), "multiclass", 3, ("0", "1", "2")),
        (THIRD * 3 + 2, "multiclass", 3, ("2", "5", "8")),
        (WORDS[THIRD], "multiclass", 3, ("cat", "dog", "emu")),
        (WORDS[THIRD].astype(object), "multiclass", 3, ("cat", "dog", "emu")),
        (list(WORDS[THIRD]), "multiclass", 3, ("cat", "dog", "emu")),
        (np.eye(3)[THIRD], "multiclass", 3, ("0", "1", "2")),
        (np.stack([HALF, HALF, 1 - HALF], 1), "multilabel", 3, ("0", "1", "2")),
        (torch.from_numpy(THIRD), "multiclass", 3, ("0", "1", "2")),
        (torch.randn(30, dtype=torch.bfloat16), "regression", 1, None),
    ],
)
def test_the_task_is_inferred_from_the_targets(y, task, outputs, classes) -> None:
    """Floats are quantities, two values are binary, more are classes; 0 and 1 always are."""
    examples = from_arrays(X, y, data(**ALL))
    assert examples.task == task
    assert examples.outputs == outputs
    assert examples.classes == classes
    assert len(examples.train) == 30
    if task == "multiclass":
        assert examples.train.y.tolist() == THIRD.tolist()
    if task == "binary":
        assert examples.train.y.flatten().tolist() == HALF.tolist()


def test_the_task_can_be_said() -> None:
    """Whole numbers are quantities where the recipe says so; 0 and 1 two classes of a softmax."""
    assert from_arrays(X, THIRD, data(task="regression")).train.y.dtype == torch.float32
    two = from_arrays(X, HALF, data(task="multiclass", **ALL))
    assert two.outputs == 2
    assert two.train.y.tolist() == HALF.tolist()


def test_no_recipe_means_every_choice_is_descends() -> None:
    """x and y alone are enough: standard scales, 15 % for validation, 20 % for the test."""
    examples = from_arrays(X, X.sum(1))
    assert [len(split) for split in examples.splits.values()] == [20, 4, 6]
    assert examples.preparation.scaling == "standard"
    assert examples.preparation.target_scaling == "standard"


@pytest.mark.parametrize(
    ("x", "scaling", "dtype"),
    [
        (X, "standard", torch.float32),
        (np.arange(90).reshape(30, 3), "standard", torch.float32),
        (np.arange(90, dtype=np.uint8).reshape(30, 3), "unit", torch.uint8),
        (X > 0, "none", torch.uint8),
        ((X > 0).astype(float), "none", torch.float32),
        (sparse.csr_matrix((X > 1).astype(np.uint8)), "none", torch.uint8),
    ],
)
def test_the_scale_is_chosen_by_the_values(x, scaling, dtype) -> None:
    """Grey values are divided by 255, zeros and ones stay, all else is standardised."""
    examples = from_arrays(x, X[:, 0], data(**ALL))
    assert examples.preparation.scaling == scaling
    assert examples.train.x.dtype == dtype


def test_images_are_flattened_and_remembered() -> None:
    """(examples, rows, columns) become features; the size of the image stays known."""
    images = np.arange(30 * 20, dtype=np.uint8).reshape(30, 4, 5)
    examples = from_arrays(images, THIRD, data(**ALL))
    assert examples.image == (4, 5)
    assert examples.features == 20
    assert examples.train.x.numpy().tobytes() == images.tobytes()


@pytest.mark.parametrize("is_flat", [True, False])
def test_pixels_keep_their_own_axis(is_flat) -> None:
    """(examples, rows, columns, features) with a class for each pixel."""
    x, y = np.random.default_rng(0).normal(size=(6, 4, 5, 3)), np.arange(120).reshape(6, 4, 5) % 4
    if is_flat:
        x, y = x.reshape(6, 20, 3), y.reshape(6, 20)
    examples = from_arrays(x, y, data(task="pixels", **ALL))
    assert examples.train.x.shape == (6, 20, 3)
    assert examples.train.y.shape == (6, 20)
    assert examples.outputs == 4
    assert examples.features == 3
    assert examples.preparation.shift.shape == (3,)


def test_the_callers_arrays_are_not_shared() -> None:
    """Changing the arrays afterwards changes no example, and nothing is written into them."""
    for x, y in ((X.astype(np.float32), X[:, :1].astype(np.float32)), (torch.randn(9, 2),) * 2):
        examples = from_arrays(x, y, data(**ALL))
        before = examples.train.x.clone(), examples.train.y.clone()
        x[:] = 0
        y[:] = 0
        assert torch.equal(examples.train.x, before[0])
        assert torch.equal(examples.train.y, before[1])


def test_own_parts_take_the_place_of_a_split() -> None:
    """A test set of one's own is used whole, with the training set's classes."""
    examples = from_arrays(X, WORDS[THIRD], data(validation=6), test=(X[:4], ["dog"] * 4))
    assert [len(split) for split in examples.splits.values()] == [24, 6, 4]
    assert examples.split("test").y.tolist() == [1] * 4
    both = from_arrays(X, THIRD, validation=(X[:5], THIRD[:5]), test=(X[:4], THIRD[:4]))
    assert [len(split) for split in both.splits.values()] == [30, 5, 4]
    with pytest.raises(DataError, match="holds yak"):
        from_arrays(X, WORDS[THIRD], test=(X[:4], ["yak"] * 4))
    with pytest.raises(DataError, match=r"`test` must have examples of \(3,\) like `x`: \(2,\)"):
        from_arrays(X, THIRD, test=(X[:4, :2], THIRD[:4]))


def test_classes_can_be_named() -> None:
    """Names for class numbers, in order; a number beyond them is refused."""
    examples = from_arrays(X, THIRD, data(**ALL), classes=WORDS.tolist())
    assert examples.classes == tuple(WORDS)
    assert examples.train.y.tolist() == THIRD.tolist()
    with pytest.raises(DataError, match="from 0 to 1: they reach from 0 to 2"):
        from_arrays(X, THIRD, data(task="multiclass"), classes=["a", "b"])


def test_weights_go_with_their_examples() -> None:
    """Each part has the weights of its own examples."""
    weight = np.arange(30) / 10
    examples = from_arrays(np.arange(30.0)[:, None], X[:, 0], weight=weight)
    for split in examples.splits.values():
        assert split.weight is not None
        torch.testing.assert_close(split.weight, split.x[:, 0] / 10)
    with pytest.raises(DataError, match="`weight` must be 0 or more: the smallest is -1"):
        from_arrays(X, THIRD, weight=-np.ones(30))


@pytest.mark.parametrize("nothing", [[], [[]], np.zeros((0, 3))])
def test_no_new_examples_are_said_to_be_none(nothing: Any) -> None:
    trained = from_arrays(X, WORDS[THIRD]).preparation
    with pytest.raises(DataError, match="`x` must hold at least one example"):
        inputs_from_arrays(nothing, trained)


def test_new_examples_take_the_form_that_a_network_was_trained_on() -> None:
    """What `evaluate` needs: raw values, and classes numbered as in training."""
    trained = from_arrays(X, WORDS[THIRD]).preparation
    split = split_from_arrays(X[:2], ["emu", "cat"], trained)
    assert split.y.tolist() == [2, 0]
    with pytest.raises(DataError, match="must have 3 features: these have 2"):
        split_from_arrays(X[:, :2], WORDS[THIRD], trained)
    encoder = from_arrays(X, data=data(target="inputs")).preparation
    split = split_from_arrays(X[:2], None, encoder)
    assert split.y is split.x


def test_new_inputs_may_be_one_example_or_many() -> None:
    """What `predict` needs: a row, an image or a table of them; only finite numbers."""
    trained = from_arrays(X, THIRD).preparation
    assert torch.equal(inputs_from_arrays(X[0], trained), inputs_from_arrays(X[:1], trained))
    pictures = np.arange(30 * 20, dtype=np.uint8).reshape(30, 4, 5)
    seen = from_arrays(pictures, THIRD).preparation
    assert inputs_from_arrays(pictures[0], seen).shape == (1, 20)
    assert inputs_from_arrays(pictures[:2], seen).shape == (2, 20)
    with pytest.raises(DataError, match="must have 20 features: these have 19"):
        inputs_from_arrays(pictures[0].ravel()[1:], seen)
    with pytest.raises(DataError, match="`x` must be finite numbers: row 0, column 1 is inf"):
        inputs_from_arrays([1.0, np.inf, 2.0], trained)


NAN_AT_2_1 = np.where(np.arange(90).reshape(30, 3) == 7, np.nan, X)


@pytest.mark.parametrize(
    ("x", "y", "fields", "message"),
    [
        (X, None, {}, "`y` must be given"),
        (X, THIRD[:29], {}, "`x` and `y` must be of one length: 30 and 29"),
        (X[:0], THIRD[:0], {}, "`y` must hold at least one target: it is empty"),
        (X[:, :0], THIRD, {}, "at least one example with one feature"),
        (X[:0], None, {"target": "inputs"}, "at least one example with one feature"),
        (3.5, [1.5], {}, "must be a table"),
        (NAN_AT_2_1, THIRD, {}, r"`x` must be finite numbers: row 2, column 1 is nan \(1 of 30"),
        (X * 1e300, THIRD, {}, r"`x` must be finite numbers: row 0, column 0 is (-)?inf"),
        (X, NAN_AT_2_1[:, 1], {}, r"`y` must be finite numbers: row 2 is nan"),
        (X, X[:, 0], {"task": "multiclass"}, r"must be classes for multiclass.*it is float64"),
        (X, X[:, 0], {"task": "binary"}, r"must be classes for binary.*it is float64"),
        (X, THIRD, {"task": "binary"}, "must hold 2 classes for binary: it holds 3"),
        (X, WORDS[THIRD], {"task": "regression"}, "must be numbers for regression"),
        (X, THIRD, {"task": "multilabel"}, "must be zeros and ones"),
        (X, THIRD - 1, {"task": "multiclass"}, "from 0 on for multiclass: the smallest is -1"),
        (
            X,
            X,
            {"task": "multiclass"},
            "must be one column of classes for multiclass: it is 30 x 3",
        ),
        (X, X > 0, {"task": "binary"}, "must be one column of classes for binary"),
        (X, np.zeros(30, int), {}, "at least two classes: all are"),
        (X, np.arange(30), {}, "must be given where it is not clear"),
        (X, np.zeros((30, 2, 2)), {}, "must have 1 or 2 dimensions: it is 30 x 2 x 2"),
        (X, THIRD, {"task": "pixels"}, "must be .examples, pixels, features. for pixels"),
        (X[:, :, None], THIRD, {"task": "pixels"}, "must be class numbers .examples, pixels."),
        (X[:, :, None], X[:, :2] > 0, {"task": "pixels"}, "one class for each pixel"),
        (WORDS[np.eye(3, dtype=int)], [0, 1, 2], {}, "`x` must be numbers"),
        ([[1.0, None]] * 2 + [[1.0, "a"]], [0, 1, 2], {}, "must be all numbers or all texts"),
        ([[1.0], [1.0, 2.0]], [0, 1], {}, "`x` must be an array"),
        (X, THIRD, {"target": "inputs", "task": "binary"}, "must be autoencoder where"),
        (X, THIRD, {"examples": 5}, "`data.examples` must be absent for arrays"),
        (X, THIRD, {"noise": 0.5}, "`data.noise` must be absent for arrays"),
        (X[:1], X[:1, 0], {}, "at least one example must be left for training"),
    ],
)
def test_what_cannot_be_trained_on_is_refused(x, y, fields, message) -> None:
    """One sentence that says what was given and what was expected."""
    with pytest.raises(DataError, match=message):
        from_arrays(x, y, data(**fields))


@given(
    labels=st.lists(st.text(min_size=1, max_size=3), min_size=4, max_size=30).filter(
        lambda values: (
            len({value.rstrip("\0") for value in values} - {""}) > 1
            and not any("\0" in value for value in values)
        )
    )
)
def test_any_texts_are_classes(labels) -> None:
    """Each example keeps its class by name, whatever the names are."""
    examples = from_arrays(np.zeros((len(labels), 1)), labels, data(**ALL))
    assert examples.classes is not None
    numbers = examples.train.y.flatten().long().tolist()
    assert [examples.classes[number] for number in numbers] == labels
    assert len(examples.classes) == len(set(labels))
