"""A recipe is a value: it goes to TOML and back without loss, and nothing can change it."""

from __future__ import annotations

import copy
import pickle
import tomllib
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from pydantic import ValidationError

from descend.errors import RecipeError
from descend.recipe import Data, Init, Network, Recipe, Schedule, Training
from descend.recipe.fields import Part
from tests.recipe.strategies import recipe_trees, recipes

XOR = {"data": {"source": "xor"}}


@given(recipes())
def test_toml_gives_an_equal_recipe_back(recipe: Recipe) -> None:
    """Reading what `to_toml` writes gives an equal recipe, over the whole space of recipes."""
    again = Recipe.from_toml(recipe.to_toml())
    assert again == recipe
    assert again.to_toml() == recipe.to_toml()


@given(recipes())
def test_the_tree_gives_an_equal_recipe_back(recipe: Recipe) -> None:
    """`Recipe.of(recipe.tree())` is the recipe, and equal recipes have equal hashes."""
    again = Recipe.of(recipe.tree())
    assert again == recipe
    assert hash(again) == hash(recipe)


@given(recipe_trees())
def test_every_value_that_was_given_is_kept(tree: dict[str, Any]) -> None:
    """Each field that a tree gives has that value in the recipe's own tree."""
    kept = Recipe.of(tree).tree()
    for table in ("data", "network", "training"):
        for name, value in tree.get(table, {}).items():
            if name not in _WITH_OPTIONS:
                assert _comparable(kept[table][name]) == _comparable(value)


_WITH_OPTIONS = (
    *("init", "bias_init", "output_init", "output_bias_init"),
    *("schedule", "layers", "early_stopping"),
)


def _comparable(value: Any) -> Any:
    return [float(one) for one in value] if isinstance(value, tuple) else value


@given(recipes())
def test_toml_is_plain_toml_in_short_lines_of_lists(recipe: Recipe) -> None:
    """The text parses to the recipe's tree, so rewriting lists into one line loses nothing."""
    assert tomllib.loads(recipe.to_toml()) == recipe.tree()


def test_lists_of_numbers_stand_in_one_line() -> None:
    """A list is written as a person would: `hidden = [32, 16]`."""
    recipe = Recipe.of({**XOR, "network": {"hidden": [32, 16]}, "training": {"betas": [0.5, 0.9]}})
    assert "hidden = [32, 16]\n" in recipe.to_toml()
    assert "betas = [0.5, 0.9]\n" in recipe.to_toml()


@given(recipes())
def test_nothing_that_can_be_changed_is_reachable(recipe: Recipe) -> None:
    """Every value in a recipe is a part, a tuple, a read-only mapping, or a plain scalar."""
    _assert_frozen(recipe)


def _assert_frozen(value: Any) -> None:
    if isinstance(value, Part):
        with pytest.raises(ValidationError, match="frozen"):
            value.title = "other"  # type: ignore[attr-defined]
        for name in type(value).model_fields:
            _assert_frozen(getattr(value, name))
        if isinstance(value, Init | Schedule):
            assert isinstance(value.parameters, MappingProxyType)
            for option in value.parameters.values():
                _assert_frozen(option)
    elif isinstance(value, tuple):
        for item in value:
            _assert_frozen(item)
    else:
        assert value is None or type(value) in (bool, int, float, str)


@given(recipes())
def test_recipes_can_be_copied_and_sent_to_other_processes(recipe: Recipe) -> None:
    """Pickle and deepcopy give an equal recipe."""
    assert pickle.loads(pickle.dumps(recipe)) == recipe
    assert copy.deepcopy(recipe) == recipe


def test_recipes_that_differ_are_not_equal() -> None:
    """A difference in any place, options included, is a difference of recipes."""
    base = Recipe.of({**XOR, "network": {"init": {"name": "normal", "std": 0.1}}})
    others = [
        base.edited({"network.init.std": 0.2}),
        base.edited({"network.init.mean": 0.5}),
        base.edited({"network.init": "normal"}),
        base.edited({"training.seed": 1}),
        base.edited({"title": "other"}),
    ]
    assert len({base, *others}) == 6


def test_whole_numbers_and_floats_of_one_size_are_one_recipe() -> None:
    """`std = 1` and `std = 1.0` give equal recipes and the same TOML."""
    whole = Recipe.of({**XOR, "network": {"init": {"name": "normal", "std": 1}}})
    real = Recipe.of({**XOR, "network": {"init": {"name": "normal", "std": 1.0}}})
    assert whole == real
    assert whole.to_toml() == real.to_toml()


def test_numbers_of_numpy_and_torch_and_paths_are_taken() -> None:
    """A sweep over `np.logspace` and a `Path` need no conversion."""
    recipe = Recipe.of({"data": {"source": Path("some") / "folder"}}).edited(
        {
            "training.lr": np.float32(0.5),
            "training.batch_size": np.int64(32),
            "training.betas": torch.tensor([0.5, 0.25]),
            "network.hidden": np.array([3, 4]),
        }
    )
    assert recipe.data.source == str(Path("some") / "folder")
    assert recipe.training.lr == 0.5
    assert recipe.training.batch_size == 32
    assert recipe.training.betas == (0.5, 0.25)
    assert recipe.network.hidden == (3, 4)
    assert Recipe.from_toml(recipe.to_toml()) == recipe


def test_parts_can_be_put_together_in_python() -> None:
    """Parts, lists and plain tables may be mixed; the result is the recipe of its TOML."""
    recipe = Recipe(
        data=Data(source="xor"),
        # a type checker knows neither that lists become tuples nor the options of a name
        network=Network(hidden=[2], init=Init(name="normal", std=0.05)),  # type: ignore[arg-type, call-arg]
        training=Training(schedule=Schedule(name="step", step_size=3)),  # type: ignore[call-arg]
    )
    assert recipe == Recipe.from_toml(
        """
        [data]
        source = "xor"
        [network]
        hidden = [2]
        init = { name = "normal", std = 0.05 }
        [training]
        schedule = { name = "step", step_size = 3 }
        """
    )


def test_a_recipe_prints_what_is_not_as_usual() -> None:
    """`repr` shows the fields that were given and no others."""
    recipe = Recipe.of({**XOR, "network": {"init": {"name": "normal", "std": 0.05}}})
    expected = "Recipe(data=Data(source='xor'), network=Network(init=Init('normal', std=0.05)))"
    assert repr(recipe) == expected


def test_a_file_is_read(tmp_path: Path) -> None:
    """`Recipe.read` reads UTF-8, whatever the locale."""
    path = tmp_path / "a.toml"
    path.write_text('title = "ünf"\n[data]\nsource = "xor"\n', encoding="utf-8")
    assert Recipe.read(path).title == "ünf"
    assert Recipe.read(str(path)) == Recipe.read(path)


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"data = ", b"a = 1\na = 2", b"x = " + b"[" * 5000, b"x = " + b"1" * 5000],
)
def test_a_file_that_is_no_toml_is_named(tmp_path: Path, content: bytes) -> None:
    """Text in another encoding, torn or endless values end in one sentence."""
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError, match="must be TOML"):
        Recipe.read(path)


@pytest.mark.parametrize("name", ["absent.toml", ".", "nul\0.toml"])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """A missing file and a folder end in one sentence with the path."""
    with pytest.raises(RecipeError, match="must be"):
        Recipe.read(f"{tmp_path}/{name}")
