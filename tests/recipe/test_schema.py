"""The JSON Schema says of every field what it is and what it may be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from descend.network.init_names import BIAS_INITIALISERS, INITIALISERS
from descend.optimizers.settings import OPTIMIZER_SETTINGS, SCHEDULE_SETTINGS
from descend.recipe import Recipe, json_schema
from descend.recipe.known import known_fields
from descend.recipe.names import ACTIVATIONS, LOSSES, SPLITS, TASKS
from tests.recipe.check_schema import violations
from tests.recipe.strategies import recipes
from tests.recipe.test_problems import WRONG_FIELDS

SCHEMA = json_schema()


def field(name: str) -> dict[str, Any]:
    """The schema of a dotted field."""
    node = SCHEMA
    for key in name.split("."):
        node = _inner(node)["properties"][key]
    return node


def _inner(node: dict[str, Any]) -> dict[str, Any]:
    node = node.get("items", node)
    return SCHEMA["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


@given(recipes())
def test_every_valid_recipe_fits_the_schema(recipe: Recipe) -> None:
    """The tree of a valid recipe has no violation."""
    assert violations(recipe.tree(), SCHEMA, SCHEMA) == []


@given(recipes())
def test_the_jsonschema_package_agrees(recipe: Recipe) -> None:
    """It finds the schema sound and accepts the same trees."""
    Draft202012Validator.check_schema(SCHEMA)
    assert Draft202012Validator(SCHEMA).is_valid(recipe.tree())


def _is_sayable(fields: dict[str, Any]) -> bool:
    """False for what JSON cannot hold, and for rules that JSON Schema has no words for."""
    (value,) = fields.values()
    is_number = isinstance(value, int | float)
    cannot_be_json = is_number and not -1e300 < value < 1e300
    has_own_rule = value == [0, 0] or (isinstance(value, dict) and {"std", "gamma"} & set(value))
    return not (cannot_be_json or (has_own_rule and value != {"std": 3}))


@pytest.mark.parametrize(
    ("table", "fields"), [(t, f) for t, f, _ in WRONG_FIELDS if _is_sayable(f)]
)
def test_wrong_fields_violate_the_schema(table: str, fields: dict[str, Any]) -> None:
    """An editor that knows the schema marks the mistakes that descend refuses."""
    source = {"source": "xor"}
    tree = {"data": source, table: {**(source if table == "data" else {}), **fields}}
    assert violations(tree, SCHEMA, SCHEMA)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("data.task", TASKS),
        ("network.activation", ACTIVATIONS),
        ("network.output", ACTIVATIONS),
        ("network.layers.activation", ACTIVATIONS),
        ("network.batch_norm", (False, "before", "after")),
        ("training.loss", LOSSES),
        ("training.optimizer", OPTIMIZER_SETTINGS),
    ],
)
def test_choices_are_listed(name: str, choices: Any) -> None:
    """A field with a few possible values lists them, in the order of the documentation."""
    assert field(name)["enum"] == list(choices)


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("Init", INITIALISERS),
        ("BiasInit", BIAS_INITIALISERS),
        ("Schedule", SCHEDULE_SETTINGS),
    ],
)
def test_options_of_choices_are_listed(name: str, choices: dict[str, dict[str, Any]]) -> None:
    """Each initialiser and schedule lists its options; a name alone is enough where none is due."""
    short, *tables = SCHEMA["$defs"][name]["anyOf"]
    for table, (choice, options) in zip(tables, choices.items(), strict=True):
        assert table["properties"].pop("name") == {"const": choice}
        assert list(table["properties"]) == list(options)
        table["properties"] = {"name": {"const": choice}, **table["properties"]}
    assert set(choices) - set(short["enum"]) <= {"constant"}


def test_splits_are_listed() -> None:
    """Elements of lists have their own choices."""
    assert field("training.evaluate")["items"]["enum"] == list(SPLITS)


@pytest.mark.parametrize("name", known_fields())
def test_every_field_has_a_description(name: str) -> None:
    """One line that says what the field is; it is the reference."""
    described = field(name)
    text = described.get("description", "")
    assert 5 < len(text) < 160, name
    assert not text.endswith(".")


def test_the_schema_is_json_without_titles_and_nulls() -> None:
    """It prints as JSON and holds nothing that is there for pydantic's sake."""
    assert json.loads(json.dumps(SCHEMA, allow_nan=False)) == SCHEMA
    for node in _nodes(SCHEMA):
        assert node.get("type") != "null"
        assert "default" not in node or node["default"] is not None


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from _nodes(child)
