"""Splits: every example once, classes in proportion, the same for the same seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from descend.data import splitting
from descend.errors import DataError

labels_of_any_size = st.lists(st.integers(0, 6), min_size=1, max_size=120).map(np.array)


@st.composite
def wishes(draw: st.DrawFn) -> tuple[np.ndarray, int, int, int]:
    """Labels with numbers for validation and test that leave something for training."""
    labels = draw(labels_of_any_size)
    validation = draw(st.integers(0, len(labels) - 1))
    test = draw(st.integers(0, len(labels) - 1 - validation))
    return labels, validation, test, draw(st.integers(0, 2**40))


@given(wish=wishes(), is_stratified=st.booleans())
def test_every_example_lands_in_exactly_one_part(wish, is_stratified) -> None:
    """The parts have the sizes asked for, are ascending, and are together all the examples."""
    labels, validation, test, seed = wish
    parts = splitting.split(len(labels), validation, test, seed, labels if is_stratified else None)
    assert (len(parts.validation), len(parts.test)) == (validation, test)
    for rows in (parts.train, parts.validation, parts.test):
        assert (np.diff(rows) > 0).all()
    everything = np.concatenate([parts.train, parts.validation, parts.test])
    np.testing.assert_array_equal(np.sort(everything), np.arange(len(labels)))


@given(wish=wishes())
def test_the_same_seed_gives_the_same_parts(wish) -> None:
    """A split is a function of its arguments; the test part ignores the validation's size."""
    labels, validation, test, seed = wish
    one = splitting.split(len(labels), validation, test, seed, labels)
    two = splitting.split(len(labels), validation, test, seed, labels)
    np.testing.assert_array_equal(one.train, two.train)
    np.testing.assert_array_equal(one.validation, two.validation)
    np.testing.assert_array_equal(
        one.test, splitting.split(len(labels), 0, test, seed, labels).test
    )


@given(wish=wishes())
def test_classes_keep_their_proportion(wish) -> None:
    """Each class gives its share of the test to one example, if all classes have enough members.

    Tolerance: shares are whole numbers, so rounding moves each by less than 1.
    """
    labels, _, test, seed = wish
    sizes = np.bincount(labels)
    # A class whose share would be all of it keeps one member for training, which moves others.
    assume((sizes[sizes > 0] * test / len(labels) <= sizes[sizes > 0] - 1).all())
    parts = splitting.split(len(labels), 0, test, seed, labels)
    given_by = np.bincount(labels[parts.test], minlength=len(sizes))
    assert (np.abs(given_by - sizes * test / len(labels)) < 1).all()


@given(wish=wishes())
def test_a_small_class_stays_in_training_while_others_can_give(wish) -> None:
    """No class is missing in training as long as enough examples are left for one of each."""
    labels, validation, test, seed = wish
    classes = len(np.unique(labels))
    assume(validation + test <= len(labels) - classes)
    parts = splitting.split(len(labels), validation, test, seed, labels)
    assert len(np.unique(labels[parts.train])) == classes


def test_another_seed_gives_other_parts() -> None:
    """Two seeds agree on 100 of 1,000 examples only by chance."""
    one, two = (splitting.split(1000, 0, 100, seed).test for seed in (0, 1))
    assert len(np.intersect1d(one, two)) < 40


@pytest.mark.parametrize(
    ("amount", "examples", "count"),
    [(0, 10, 0), (0.0, 10, 0), (3, 10, 3), (0.15, 100, 15), (0.01, 10, 1), (1 / 12, 60_000, 5_000)],
)
def test_an_amount_is_a_share_or_a_number(amount, examples, count) -> None:
    """A share above 0 is one example at least."""
    assert splitting.count_of(amount, examples, "data.test") == count


@pytest.mark.parametrize("amount", [1.0, 2.5, -0.1, -1, 11, float("nan")])
def test_an_impossible_amount_is_refused(amount) -> None:
    """Shares of 1 and more, negative and too large numbers name the field."""
    with pytest.raises(DataError, match=r"`data.test` must be"):
        splitting.count_of(amount, 10, "data.test")


def test_something_must_be_left_for_training() -> None:
    """4 examples cannot be 1 for validation and 3 for the test."""
    with pytest.raises(DataError, match="left for training: of 4, 1 go to validation and 3"):
        splitting.split(4, 1, 3, 0)


def test_a_negative_seed_is_refused() -> None:
    """numpy's generators know none."""
    with pytest.raises(DataError, match=r"`data.seed` must be 0 or more: -1"):
        splitting.split(4, 1, 1, -1)


@given(labels=labels_of_any_size, data=st.data())
def test_a_limit_takes_the_first_of_each_class_in_proportion(labels, data) -> None:
    """`first` takes exactly as many as asked, and of each class its first ones."""
    count = data.draw(st.integers(1, len(labels) + 5))
    rows = splitting.first(count, labels, len(labels))
    assert len(rows) == min(count, len(labels))
    assert (np.diff(rows) > 0).all()
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        chosen = rows[labels[rows] == label]
        np.testing.assert_array_equal(chosen, members[: len(chosen)])
        assert abs(len(chosen) - len(members) * len(rows) / len(labels)) < 1
    np.testing.assert_array_equal(
        splitting.first(count, None, len(labels)), np.arange(min(count, len(labels)))
    )
