"""Names of combinations are short, readable and unlike each other."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descend.comparison.axis import Axis, axes_of, combinations
from descend.comparison.names import LONGEST, made_unique, names_of, short_fields, short_value
from descend.recipe.known import known_fields
from tests.recipe.strategies import anything


def names(vary: dict[str, Any]) -> list[str]:
    """The names of all combinations of the values."""
    return names_of(combinations(axes_of(vary)))


def test_a_name_is_the_last_word_of_each_field_and_its_value() -> None:
    """One axis keeps its field's name too."""
    assert names({"training.lr": [0.1, 1e-5]}) == ["lr=0.1", "lr=1e-05"]
    assert names({"training.lr": [0.1, 1], "network.activation": ["relu"]}) == [
        "lr=0.1 activation=relu",
        "lr=1 activation=relu",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1, "0.1"),
        (1 / 3, "0.333333"),
        (2.0, "2"),
        (123456789, "123456789"),
        (True, "yes"),
        (False, "no"),
        (None, "auto"),
        ("relu", "relu"),
        ("", "''"),
        ([256, 256], "256-256"),
        ([], "none"),
        ([0.9, 0.999], "0.9-0.999"),
        ([1e-6, 50.0], "1e-06 + 50"),
        (["train", "test"], "train-test"),
        ({"name": "normal", "std": 0.05}, "normal std 0.05"),
        ({"std": 0.05, "name": "normal"}, "normal std 0.05"),
        ([{"units": 3}, {"units": 4}], "3-4"),
        ([{"units": 3, "activation": "tanh"}, {"units": 4}], "3 activation tanh + 4"),
        ({"patience": 3}, "patience 3"),
        ({}, "empty"),
        ("x" * 99, "x" * (LONGEST - 1) + "…"),
        pytest.param(10**5000, "a value too long to print", id="5000 digits"),
    ],
)
def test_a_value_is_spelled_short(value: Any, text: str) -> None:
    """Without quotes and brackets, as one would say it."""
    assert short_value(value) == text


@pytest.mark.parametrize(
    ("fields", "short"),
    [
        (["training.lr", "network.init"], ["lr", "init"]),
        (["network.dropout", "network.layers.0.dropout"], ["network.dropout", "layers.0.dropout"]),
        (
            ["network.layers.0.units", "network.layers.1.units"],
            ["layers.0.units", "layers.1.units"],
        ),
        (["network.layers.0.units"], ["units"]),
        (["network.hidden.0"], ["hidden.0"]),
        (["network.init.std", "network.output_init.std"], ["init.std", "output_init.std"]),
        (["network.init.name"], ["init.name"]),
        (["data.seed"], ["data.seed"]),
        (["network"], ["network"]),
    ],
)
def test_a_field_has_more_words_where_the_last_is_not_clear(
    fields: list[str], short: list[str]
) -> None:
    """As few as tell it from the others, from a place in a list, and from the training's seed."""
    found = short_fields(fields)
    assert [found[field] for field in fields] == short


@given(st.lists(st.sampled_from(known_fields()), unique=True))
def test_short_fields_are_ends_of_their_fields_and_differ(fields: list[str]) -> None:
    """For whatever fields vary."""
    found = short_fields(fields)
    assert all(f".{field}".endswith(f".{found[field]}") for field in fields)
    assert len({found[field] for field in fields}) == len(fields)


def test_values_that_would_read_the_same_are_spelled_out() -> None:
    """Floats get their digits, texts their quotes; the others stay short."""
    assert names({"training.lr": [0.12345678, 0.12345679, 0.1]}) == [
        "lr=0.12345678",
        "lr=0.12345679",
        "lr=0.1",
    ]
    assert names({"network.batch_norm": [False, "no", "before"]}) == [
        "batch_norm=false",
        "batch_norm='no'",
        "batch_norm=before",
    ]


def test_an_axis_may_name_its_values() -> None:
    """As the labs do: the name stands for the field and its value."""
    axes = [Axis("network.hidden", [[9, 9], [9]], ["deep", "flat"]), Axis("training.lr", [1])]
    assert names_of(combinations(axes), axes) == ["deep lr=1", "flat lr=1"]


def test_a_name_is_one_line_that_can_be_printed() -> None:
    """Whatever stands in a value: it is shown in a table."""
    values = [" two\n words ", "\x1b[1m\ud800"]
    assert names({"data.source": values}) == ["source=two words", "source=�[1m�"]


def test_no_edit_is_as_given() -> None:
    """A variant without edits has a name."""
    assert names_of([{}, {"training.lr": 1}]) == ["as given", "lr=1"]


edits = st.dictionaries(st.sampled_from(known_fields()), anything, max_size=4)


@given(st.lists(edits, max_size=6))
def test_every_combination_has_a_name_of_its_own(rows: list[dict[str, Any]]) -> None:
    """Whatever the values are, equal combinations included."""
    found = names_of(rows)
    assert len(set(found)) == len(found) == len(rows)
    assert all(name and name.isprintable() for name in found)


@given(st.lists(st.sampled_from(["a", "b", "a (2)", "a (3)", "a (2) (2)"])))
def test_names_are_made_unique_by_a_number(given_names: list[str]) -> None:
    """A name's first occurrence stays, and no number makes it another one's name."""
    unique = made_unique(given_names)
    assert len(set(unique)) == len(given_names)
    for place, (name, own) in enumerate(zip(given_names, unique, strict=True)):
        assert own.startswith(name)
        assert (own == name) == (name not in given_names[:place])
