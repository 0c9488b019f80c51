"""Every problem of a recipe is told at once: field, expectation, value and the nearest name."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from descend.errors import RecipeError
from descend.recipe import Problem, Recipe
from descend.recipe.complaints import LONGEST, ImpossibleRecipe, spelled
from descend.recipe.known import known_fields
from tests.recipe.strategies import anything, recipe_trees

DATA = {"source": "xor"}


def problems_of(tree: Any) -> list[str]:
    """The sentences that a wrong recipe is refused with."""
    with pytest.raises(ImpossibleRecipe) as caught:
        Recipe.of(tree)
    return [str(problem) for problem in caught.value.problems]


WRONG_FIELDS = [
    ("data", {"source": ""}, "`data.source` must be a text in quotes: ''"),
    ("data", {"validation": 1.0}, "a share below 1 or a whole number of examples: 1.0"),
    ("data", {"validation": -1}, "a share below 1 or a whole number of examples: -1"),
    ("data", {"test": True}, "a share below 1 or a whole number of examples: true"),
    ("data", {"seed": -1}, "a whole number, 0 or more: -1"),
    ("data", {"noise": float("inf")}, "a number, 0 or more: inf"),
    ("data", {"examples": 0}, "a whole number, 1 or more: 0"),
    ("data", {"limit": 2.0}, "a whole number, 1 or more: 2.0"),
    ("data", {"task": "multi_class"}, "'multi_class' (did you mean 'multiclass'?)"),
    ("network", {"hidden": 5}, "`network.hidden` must be a list: 5"),
    ("network", {"hidden": "55"}, "`network.hidden` must be a list: '55'"),
    ("network", {"hidden": [3, 0]}, "`network.hidden.1` must be a whole number, 1 or more: 0"),
    ("network", {"batch_norm": True}, 'must be false, "before" or "after": true'),
    ("network", {"batch_norm": 0}, 'must be false, "before" or "after": 0'),
    ("network", {"batch_norm": "befor"}, "'befor' (did you mean 'before'?)"),
    ("network", {"dropout": 1}, "a number from 0 to below 1: 1"),
    ("network", {"slope": -0.1}, "a number, 0 or more: -0.1"),
    ("network", {"batch_norm_eps": 0}, "a number above 0: 0"),
    ("network", {"batch_norm_momentum": 1.5}, "a number from 0 to 1: 1.5"),
    ("network", {"activation": "swish"}, "'swish' (did you mean 'silu'?)"),
    ("network", {"activation": ["relu"]}, ": ['relu']"),
    ("network", {"init": "kaiming_normal"}, "(did you mean 'he_normal'?)"),
    ("network", {"init": 3}, "a name, or a table with a name and options: 3"),
    ("network", {"init": {"std": 3}}, "`network.init.name` must be given"),
    ("network", {"init": "constant"}, "`network.init.value` must be a finite number"),
    ("network", {"init": {"name": "normal", "sdt": 3}}, "must be one of mean, std for normal: 3"),
    ("network", {"init": {"name": "normal", "std": {"a": 1}}}, "a number or a word: {a = 1}"),
    ("network", {"init": {"name": "normal", "std": 10**400}}, "below 2^63"),
    ("network", {"init": {"name": "zeros", "std": 3}}, "must be absent for zeros: 3"),
    ("network", {"bias_init": "orthogonal"}, "`network.bias_init` must be one of torch, zeros"),
    ("network", {"layers": [{"activation": "relu"}]}, "`network.layers.0.units` must be given"),
    ("network", {"layers": [3]}, "`network.layers.0` must be a table: 3"),
    ("network", {"layers": [{"units": 3, "drop_out": 0.5}]}, "'network.layers.0.dropout'?)"),
    ("training", {"lr": -0.1}, "`training.lr` must be a number, 0 or more: -0.1"),
    ("training", {"lr": float("nan")}, "a number, 0 or more: nan"),
    ("training", {"lr": True}, "a number, 0 or more: true"),
    ("training", {"lr": "0.1"}, "a number, 0 or more: '0.1'"),
    ("training", {"lr": 10**400}, "must be below 2^63"),
    ("training", {"epochs": 2**63}, "must be below 2^63: 9223372036854775808"),
    ("training", {"shuffle": 1}, "true or false: 1"),
    ("training", {"batch_size": "al"}, "must be \"all\" or a whole number, 1 or more: 'al'"),
    ("training", {"batch_size": 0}, 'must be "all" or a whole number, 1 or more: 0'),
    ("training", {"batch_size": True}, 'must be "all" or a whole number, 1 or more: true'),
    ("training", {"class_weights": []}, 'must be "balanced" or a list of numbers, 0 or more'),
    ("training", {"class_weights": [0, 0]}, "0 or more and not all 0: [0, 0]"),
    ("training", {"class_weights": [1, -1]}, "0 or more and not all 0: [1, -1]"),
    ("training", {"betas": [0.9]}, "two numbers from 0 to below 1: [0.9]"),
    ("training", {"clip_norm": 0}, "a number above 0: 0"),
    ("training", {"optimizer": "sdg"}, "'sdg' (did you mean 'sgd'?)"),
    (
        "training",
        {"schedule": {"name": "step", "gama": 1}},
        "must be one of step_size, gamma for step",
    ),
    ("training", {"schedule": {"name": "step", "gama": 1}}, "1 (did you mean 'gamma'?)"),
    ("training", {"schedule": {"name": "warmup", "epochs": [5]}}, "a number or a word: [5]"),
    ("training", {"schedule": {"name": "step", "gamma": -1}}, "`training.schedule.gamma` must be"),
    ("training", {"early_stopping": 5}, "`training.early_stopping` must be a table: 5"),
    ("training", {"early_stopping": {"metric": "foo/loss"}}, "(did you mean 'validation/loss'?)"),
    ("training", {"early_stopping": {"metric": "acuracy"}}, "must be one of validation/loss"),
    ("training", {"evaluate": ["tset"]}, "`training.evaluate.0` must be one of train, validation"),
    ("training", {"learning_rate": 1}, "a field that exists: 1 (did you mean 'training.lr'?)"),
    ("training", {"epoch": 1}, "a field that exists: 1 (did you mean 'training.epochs'?)"),
]


@pytest.mark.parametrize(("table", "fields", "sentence"), WRONG_FIELDS)
def test_a_wrong_field_is_told_in_one_sentence(
    table: str, fields: dict[str, Any], sentence: str
) -> None:
    """One wrong field is one problem, in the words of a person."""
    tree: dict[str, Any] = {"data": DATA, table: {**(DATA if table == "data" else {}), **fields}}
    (told,) = problems_of(tree)
    assert told.startswith(f"`{table}.")
    assert sentence in told
    assert "\n" not in told


IMPOSSIBLE_TOGETHER = [
    ({"network": {"hidden": [2], "layers": []}}, "`network.hidden` must be absent where"),
    ({"training": {"optimizer": "adam", "momentum": 0.9}}, "absent for adam (sgd and rmsprop"),
    (
        {"training": {"optimizer": "adamw", "rho": 0.9}},
        "absent for adamw (adadelta can have it): 0.9",
    ),
    ({"training": {"optimizer": "sgd", "nesterov": True}}, "`training.nesterov` must be"),
    ({"training": {"optimizer": "sparse_adam", "lr": 0}}, "`training.lr` must be a number above 0"),
    ({"training": {"momentum": 0.9, "betas": [0.9, 0.9]}}, "absent for adam"),
    ({"training": {"loss": "mse", "loss_on": "probabilities"}}, "must be logits for the loss mse"),
    ({"training": {"evaluate": ["test", "test"]}}, "must be each split once: ['test', 'test']"),
    (
        {"data": {**DATA, "task": "regression"}, "training": {"loss": "bce"}},
        "mse, l1, huber, poisson",
    ),
    ({"data": {**DATA, "target": "inputs", "task": "binary"}}, "`data.task` must be autoencoder"),
    (
        {"data": {**DATA, "target": "inputs"}, "training": {"loss": "nll"}},
        "for the task autoencoder",
    ),
    ({"data": {**DATA, "validation": 0.5, "test": 0.5}}, "below 0.5, so that examples are left"),
    ({"data": {**DATA, "task": "binary", "target_scale": "standard"}}, "none for the task binary"),
    (
        {"data": {**DATA, "task": "binary"}, "training": {"class_weights": [1, 2, 3]}},
        "must be 2 numbers, one a class: [1, 2, 3]",
    ),
    (
        {"data": {**DATA, "task": "pixels"}, "training": {"class_weights": "balanced"}},
        "absent for the task pixels (binary and multiclass have classes to weigh)",
    ),
    (
        {
            "data": {**DATA, "task": "regression"},
            "training": {"early_stopping": {"metric": "test/accuracy"}},
        },
        "one of test/loss, test/rmse, test/mae, test/r2 for the task regression",
    ),
    (
        {"network": {"layers": [{"units": 2}, {"units": 2, "init": "rbm"}]}},
        "`network.layers.1.init` must be another than rbm, or rbm in the layers below too",
    ),
    ({"network": {"output_init": "rbm"}}, "another than rbm, which is for hidden layers"),
]


@pytest.mark.parametrize(("tables", "sentence"), IMPOSSIBLE_TOGETHER)
def test_fields_that_cannot_go_together_are_told(tables: dict[str, Any], sentence: str) -> None:
    """Fields that are each possible but not together are one problem that names both."""
    (told,) = problems_of({"data": DATA, **tables})
    assert sentence in told


def test_all_problems_are_told_at_once_in_the_order_of_the_fields() -> None:
    """Wrong fields hide neither each other nor what is wrong between fields and tables."""
    told = problems_of(
        {
            "data": {"sorce": "xor", "task": "regression"},
            "network": {
                "hidden": [3, 0],
                "layers": [{"units": 0}, {"unit": 4, "init": "constant"}],
                "init": {"name": "normal", "std": -1},
            },
            "training": {
                "loss": "bce",
                "optimizer": "adamx",
                "momentum": 0.5,
                "lr": -1,
                "early_stopping": {"metric": "accuracy"},
                "evaluate": ["test", "test"],
                "epochs": 0,
            },
            "trainng": {},
        }
    )
    fields = [sentence.split("`")[1] for sentence in told]
    assert fields == [
        "data.sorce",
        "data.source",
        "network.hidden.1",
        "network.hidden",
        "network.init.std",
        "network.layers.1.unit",
        "network.layers.0.units",
        "network.layers.1.units",
        "network.layers.1.init.value",
        "training.loss",
        "training.optimizer",
        "training.lr",
        "training.momentum",
        "training.early_stopping.metric",
        "training.epochs",
        "training.evaluate",
        "trainng",
    ]


def test_a_misspelt_name_is_read_as_meant_for_the_other_checks() -> None:
    """`optimizer = "adamm"` with `momentum` is two problems: the name, and momentum for Adam."""
    told = problems_of({"data": DATA, "training": {"optimizer": "adamm", "momentum": 0.5}})
    assert told[0].endswith("'adamm' (did you mean 'adam'?)")
    assert told[1].startswith("`training.momentum` must be absent for adam")


def test_one_problem_is_the_message_and_several_are_listed() -> None:
    """The error's message holds every sentence, and its hint says where all choices are listed."""
    with pytest.raises(RecipeError) as one:
        Recipe.of({"data": DATA, "training": {"lr": -1}})
    assert one.value.message == "`training.lr` must be a number, 0 or more: -1"
    with pytest.raises(RecipeError) as two:
        Recipe.of({"data": DATA, "training": {"lr": -1, "epochs": 0}})
    assert two.value.message.startswith("the recipe has 2 problems:\n  `training.lr` must be")
    assert "descend schema" in str(two.value)


@pytest.mark.parametrize(
    ("tree", "sentence"),
    [
        ({}, "`data` must be given"),
        ({"data": {}}, "`data.source` must be given"),
        ({"data": 3}, "`data` must be a table: 3"),
        ({"data": DATA, "network": 3}, "`network` must be a table: 3"),
        ({"data": DATA, "network": [3]}, "`network` must be a table: [3]"),
        ({"data": DATA, "title": 3}, "`title` must be a text in quotes: 3"),
        (
            {"data": DATA, "lr": 3},
            "`lr` must be a field that exists: 3 (did you mean 'training.lr'?)",
        ),
        ({"data": DATA, 3: 4}, "`3` must be a field that exists"),
        ({"data": DATA, "": 4}, "`` must be a field that exists"),
    ],
)
def test_a_tree_of_another_shape_is_told(tree: Any, sentence: str) -> None:
    """Missing, unknown and mistaken tables are problems like any other."""
    assert any(sentence in told for told in problems_of(tree))


@pytest.mark.parametrize("tree", [[], 3, "data", None, [[1]]])
def test_what_is_no_table_is_no_recipe(tree: Any) -> None:
    """A list or a number in place of the tables is refused in one sentence."""
    with pytest.raises(RecipeError, match="a recipe must be a table of tables"):
        Recipe.of(tree)


def test_a_tree_without_end_is_told() -> None:
    """A list that holds itself, or a thousand tables in each other, end in one sentence."""
    endless: list[Any] = []
    endless.append(endless)
    deep: dict[str, Any] = {}
    for _ in range(5000):
        deep = {"a": deep}
    for wrong in (endless, deep):
        with pytest.raises(RecipeError, match="nested without end"):
            Recipe.of({"data": DATA, "network": {"hidden": wrong}})
    with pytest.raises(RecipeError):
        Recipe.from_toml("[data]\nsource = 'xor'\n[" + ".".join("a" * 3000) + "]")


places = st.sampled_from([name for name in known_fields() if "layers." not in name])


@given(recipe_trees(), st.dictionaries(places, anything, min_size=1, max_size=5))
def test_no_tree_makes_anything_but_a_recipe_or_a_recipe_error(
    tree: dict[str, Any], wrong: dict[str, Any]
) -> None:
    """Whatever stands in the fields of a valid tree, the answer is a recipe or sentences."""
    for field, value in wrong.items():
        *tables, last = field.split(".")
        node = tree
        for table in tables:
            if not isinstance(node.get(table), dict):
                node[table] = {}
            node = node[table]
        node[last] = value
    for problem in _problems(tree):
        assert str(problem).startswith("`")


def _problems(tree: Any) -> tuple[Problem, ...]:
    try:
        Recipe.of(tree)
    except ImpossibleRecipe as error:
        return error.problems
    return ()


@given(st.dictionaries(st.text(max_size=5), anything) | anything)
def test_no_plain_value_makes_anything_but_a_recipe_error(tree: Any) -> None:
    """Trees that are no recipes at all are refused, never crashed on."""
    with pytest.raises(RecipeError):
        Recipe.of(tree)


@given(st.text())
def test_no_text_makes_anything_but_a_recipe_error(text: str) -> None:
    """Whatever a file holds, the answer is a RecipeError."""
    with pytest.raises(RecipeError):
        Recipe.from_toml(text)


def test_long_values_are_cut() -> None:
    """A value of thousands of characters is shown by its beginning."""
    assert len(spelled([1] * 1000)) == LONGEST
    assert spelled(10**5000) == "a value too long to print"
    assert spelled({"name": "normal", "on": [True, 0.5]}) == "{name = 'normal', on = [true, 0.5]}"
