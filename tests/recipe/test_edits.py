"""Edits by dotted name change one thing, in any order, and name what they do not find."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from descend.errors import RecipeError
from descend.recipe import Recipe, parse_edit, parse_value
from descend.recipe.known import known_fields
from tests.recipe.strategies import anything, recipes

RECIPE = Recipe.of(
    {
        "data": {"source": "xor"},
        "network": {"layers": [{"units": 3}, {"units": 4, "init": "normal"}], "init": "normal"},
    }
)


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("training.lr=0.1", ("training.lr", 0.1)),
        (" training.lr = 1e-3 ", ("training.lr", 1e-3)),
        ("training.epochs=3", ("training.epochs", 3)),
        ("network.hidden=[3, 4]", ("network.hidden", [3, 4])),
        ("network.activation=tanh", ("network.activation", "tanh")),
        ('network.activation="tanh"', ("network.activation", "tanh")),
        ("training.shuffle=false", ("training.shuffle", False)),
        ("network.init={name='normal', std=0.1}", ("network.init", {"name": "normal", "std": 0.1})),
        ("title=a=b", ("title", "a=b")),
        ("title=two words", ("title", "two words")),
        ('title=""', ("title", "")),
        ("title=1\nother=2", ("title", "1\nother=2")),
        ("title=" + "1" * 5000, ("title", "1" * 5000)),
        ("title=" + "[" * 5000, ("title", "[" * 5000)),
        ("training.lr=", ("training.lr", None)),
    ],
)
def test_an_edit_is_read_from_text(text: str, edit: tuple[str, Any]) -> None:
    """A value is TOML, or a bare word; nothing after the equals sign leaves the field open."""
    assert parse_edit(text) == edit


@pytest.mark.parametrize("text", ["", "lr", "=3", " = 3"])
def test_a_text_that_is_no_edit_is_told(text: str) -> None:
    """Without a field or an equals sign, the error shows an example."""
    with pytest.raises(RecipeError, match="FIELD=VALUE") as caught:
        parse_edit(text)
    assert "training.lr=0.01" in str(caught.value.hint)


@given(st.text())
def test_parsing_never_crashes(text: str) -> None:
    """Any text is a value, and an edit or a RecipeError."""
    parse_value(text)
    with suppress(RecipeError):
        parse_edit(text)


fields = st.sampled_from(known_fields()).map(lambda name: name.replace("layers.", "layers.0."))


@given(recipes(), st.dictionaries(fields | st.text(max_size=12), anything, max_size=4))
def test_no_edit_makes_anything_but_a_recipe_or_a_recipe_error(
    recipe: Recipe, edits: dict[str, Any]
) -> None:
    """Whatever is set where, the answer is a recipe or sentences."""
    with suppress(RecipeError):
        assert isinstance(recipe.edited(edits), Recipe)


@given(recipes(), recipes(), st.lists(fields, min_size=2, max_size=4, unique=True))
def test_edits_of_different_fields_commute(recipe: Recipe, other: Recipe, names: list[str]) -> None:
    """Edits in any order, at once or one by one, give the same recipe wherever they give one."""
    names = [name for name in names if name in known_fields()]
    assume(not any(a != b and b.startswith(f"{a}.") for a in names for b in names))
    edits = {name: _at(other, name) for name in names}
    at_once = _outcome(recipe, [edits])
    assert at_once == _outcome(recipe, [dict(reversed(edits.items()))])
    forwards = _outcome(recipe, [{name: edits[name]} for name in names])
    backwards = _outcome(recipe, [{name: edits[name]} for name in reversed(names)])
    assert forwards is None or backwards is None or forwards == backwards == at_once


def _at(recipe: Recipe, field: str) -> Any:
    value: Any = recipe
    for name in field.split("."):
        value = getattr(value, name, None)
    return value


def _outcome(recipe: Recipe, edits: list[dict[str, Any]]) -> Recipe | None:
    try:
        for edit in edits:
            recipe = recipe.edited(edit)
    except RecipeError:
        return None
    return recipe


@given(recipes())
def test_an_edit_changes_its_field_and_no_other(recipe: Recipe) -> None:
    """The edited recipe differs in that field alone; the original stays as it was."""
    before = recipe.to_toml()
    edited = recipe.edited({"training.epochs": 7, "data.seed": 3})
    assert recipe.to_toml() == before
    assert edited.training.epochs == 7
    back = {"training.epochs": recipe.training.epochs, "data.seed": recipe.data.seed}
    assert edited.edited(back) == recipe


@given(recipes())
def test_no_edit_is_no_change(recipe: Recipe) -> None:
    """An edited recipe without edits is the recipe."""
    assert recipe.edited({}) == recipe


@given(recipes(), recipes())
def test_the_differences_turn_a_recipe_into_the_other(recipe: Recipe, other: Recipe) -> None:
    """They are edits for any two recipes, whatever the optimizer's change forgets."""
    edits = recipe.differences(other)
    assert recipe.edited(edits) == other
    assert Recipe.from_toml(recipe.edited(edits).to_toml()) == other


@given(recipes(), recipes())
def test_every_difference_is_needed_and_none_is_wrong(recipe: Recipe, other: Recipe) -> None:
    """A field is among the differences exactly if the recipes hold different values in it."""
    differing = {
        name
        for name in known_fields()
        if name == "title" or name.count(".") == 1
        if _at(recipe, name) != _at(other, name)
    }
    assert set(recipe.differences(other)) == differing
    assert set(other.differences(recipe)) == differing


@given(recipes())
def test_a_recipe_has_no_differences_from_itself(recipe: Recipe) -> None:
    """Nor from a copy that was written and read."""
    assert recipe.differences(Recipe.from_toml(recipe.to_toml())) == {}


def test_differences_are_whole_fields_as_a_file_would_hold_them() -> None:
    """What is left open is None, and a setting that the new optimizer lacks is left open too."""
    before = Recipe.of(
        {
            "title": "before",
            "data": {"source": "xor"},
            "network": {"init": {"name": "normal", "std": 0.1}},
            "training": {"optimizer": "adam", "betas": [0.5, 0.9], "early_stopping": {}},
        }
    )
    after = Recipe.of(
        {
            "data": {"source": "xor", "seed": 3},
            "network": {"layers": [{"units": 3, "init": "he_normal"}]},
            "training": {"optimizer": "sgd", "early_stopping": {"patience": 2}},
        }
    )
    edits = before.differences(after)
    stopping = edits.pop("training.early_stopping")
    assert edits == {
        "title": "",
        "data.seed": 3,
        "network.init": None,
        "network.layers": [{"units": 3, "init": "he_normal"}],
        "training.optimizer": "sgd",
        "training.betas": None,
    }
    assert before.edited({"training.early_stopping": stopping}).differences(before) == {
        "training.early_stopping": {"patience": 5, "metric": "validation/loss", "min_delta": 0.0}
    }


def test_elements_of_lists_are_edited_by_place() -> None:
    """Places count from 0."""
    edited = RECIPE.edited({"network.layers.0.units": 7, "network.layers.1.init.std": 0.5})
    assert edited.network.layers is not None
    assert edited.network.layers[0].units == 7
    assert edited.network.layers[1].init is not None
    assert edited.network.layers[1].init.parameters == {"std": 0.5}


def test_a_short_name_grows_into_a_table() -> None:
    """`network.init.std` of `init = "normal"` gives the normal initialiser that std."""
    init = RECIPE.edited({"network.init.std": 0.1}).network.init
    assert init is not None
    assert (init.name, dict(init.parameters)) == ("normal", {"std": 0.1})


def test_a_table_and_its_fields_may_be_edited_at_once() -> None:
    """The table is set first, in whatever order the edits stand."""
    edits = {"network.init.std": 0.1, "network.init": "normal"}
    recipe = Recipe.of({"data": {"source": "xor"}})
    assert recipe.edited(edits) == recipe.edited(dict(reversed(edits.items())))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("training.lr", 0.5),
        ("network.init", "zeros"),
        ("network.hidden", [3]),
        ("training.schedule", "step"),
    ],
)
def test_none_leaves_the_choice_to_descend(field: str, value: Any) -> None:
    """A field that is set to None is as if it had never been given."""
    recipe = Recipe.of({"data": {"source": "xor"}})
    assert recipe.edited({field: value}).edited({field: None}) == recipe
    assert recipe.edited({field: None}) == recipe


def test_none_below_an_absent_table_makes_no_table() -> None:
    """Leaving the patience open does not switch early stopping on."""
    assert RECIPE.edited({"training.early_stopping.patience": None}) == RECIPE


@pytest.mark.parametrize(
    ("field", "guess"),
    [
        ("network.activaton", "network.activation"),
        ("lr", "training.lr"),
        ("seed", "training.seed"),
        ("activation", "network.activation"),
        ("network.lr", "training.lr"),
        ("learning_rate", "training.lr"),
        ("training.batchsize", "training.batch_size"),
        ("network.layers.0.unit", "network.layers.0.units"),
        ("training.early_stopping.patients", "training.early_stopping.patience"),
    ],
)
@pytest.mark.parametrize("value", [3, None])
def test_an_unknown_field_is_told_with_the_nearest_one(field: str, guess: str, value: Any) -> None:
    """The whole dotted name is suggested, ready to be typed."""
    with pytest.raises(RecipeError, match="must be a field that exists") as caught:
        RECIPE.edited({field: value})
    assert f"(did you mean {guess!r}?)" in caught.value.message


@pytest.mark.parametrize(
    "field",
    [
        *("", ".", "training.", "..", "training..lr", "network.init.", "network.init.std.x"),
        *("network.layers.2.units", "network.layers.x.units", "network.layers.-1.units"),
        *("network.layers.²", "network.layers.99999999999999", "network.layers.٣"),
        *("network.0", "0", "network.hidden.0", "training.lr.0", "title.x", "network.layers.0.0"),
    ],
)
def test_a_place_that_does_not_exist_is_told(field: str) -> None:
    """Whatever stands for a field, the answer is one RecipeError."""
    with pytest.raises(RecipeError):
        RECIPE.edited({field: 3})


def test_all_unknown_fields_are_told_at_once() -> None:
    """Two misspelt fields are two problems."""
    with pytest.raises(RecipeError, match="2 problems"):
        RECIPE.edited({"training.lrr": 1, "network.hiden": [2]})


def test_another_optimizer_takes_the_settings_of_the_old_one_away() -> None:
    """Adam's betas mean nothing to SGD; lr is kept, and so is what is set anew."""
    adam = RECIPE.edited(
        {"training.optimizer": "adam", "training.betas": [0.5, 0.5], "training.lr": 0.25}
    )
    sgd = adam.edited({"training.momentum": 0.5, "training.optimizer": "sgd"})
    assert sgd.training.optimizer_settings == {"lr": 0.25, "momentum": 0.5}
    with pytest.raises(RecipeError, match="absent for sgd"):
        adam.edited({"training.optimizer": "sgd", "training.betas": [0.5, 0.5]})
