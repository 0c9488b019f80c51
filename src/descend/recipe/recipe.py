"""Recipe: one experiment as a value, read from TOML and written back without loss."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import Field, model_validator

from descend.errors import RecipeError
from descend.optimizers.settings import OPTIMIZER_SETTINGS
from descend.recipe.checks import SETTINGS, recipe_problems
from descend.recipe.complaints import ABSENT, UNKNOWN, ImpossibleRecipe, Problem, spelled
from descend.recipe.edits import edit
from descend.recipe.fields import Part, Text, impossible, plain
from descend.recipe.known import exists, nearest_field
from descend.recipe.model import Data, Network
from descend.recipe.training import Training
from descend.recipe.validation import sound_part, validate


class Recipe(Part):
    """What to train: data, network and training, validated as a whole.

    >>> recipe = Recipe.of({"data": {"source": "xor"}, "network": {"hidden": [2]}})
    >>> recipe.edited({"training.lr": 0.5}).training.lr
    0.5
    """

    title: Text = Field(default="", description="one line about the experiment")
    data: Data = Field(description="what is learnt from")
    network: Network = Field(default_factory=Network, description="what learns")
    training: Training = Field(default_factory=Training, description="how it learns")

    @model_validator(mode="after")
    def _check(self) -> Recipe:
        if problems := recipe_problems(self):
            raise impossible(problems)
        return self

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """The recipe of nested plain data; raises one RecipeError that names every problem."""
        return validate(cls, _as_table(tree))

    @classmethod
    def sound_part(cls, tree: Mapping[str, Any]) -> tuple[Self, list[Problem]]:
        """The recipe of what is possible in nested plain data, and every problem of the rest.

        In place of what is impossible stands what was most likely meant, or nothing.
        """
        return sound_part(cls, _as_table(tree))

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """The recipe that a TOML text holds; a table [compare] is no part of it."""
        tree = tree_of(text)
        if "compare" not in cls.model_fields:
            tree.pop("compare", None)
        return cls.of(tree)

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """The recipe of a TOML file."""
        return cls.from_toml(text_of(path))

    def tree(self) -> dict[str, Any]:
        """This recipe as plain nested data without the fields that are None."""
        tree: dict[str, Any] = plain(self)
        return tree

    def to_toml(self) -> str:
        """This recipe as TOML; reading it gives an equal recipe."""
        return _LONG_LIST.sub(_in_one_line, tomli_w.dumps(self.tree()))

    def edited(self, edits: Mapping[str, Any]) -> Self:
        """This recipe with fields changed by dotted name; None leaves the choice to descend again.

        Another optimizer takes the place of the old one with its settings, as far as it lacks them.
        """
        return self.of(edited_tree(self.tree(), edits))

    def differences(self, other: Recipe) -> dict[str, Any]:
        """The edits that turn this recipe into `other`: whole fields, None what it leaves open.

        >>> xor = Recipe.of({"data": {"source": "xor"}, "training": {"lr": 1.0}})
        >>> xor.differences(Recipe.of({"data": {"source": "xor"}, "network": {"hidden": [2]}}))
        {'network.hidden': [2], 'training.lr': None}
        """
        mine, others = dict(self._by_field()), dict(other._by_field())
        return {name: plain(value) for name, value in others.items() if value != mine[name]}

    def _by_field(self) -> Iterator[tuple[str, Any]]:
        """Each field after its dotted name; those of the tables one by one."""
        for name, value in self:
            if isinstance(value, Part):
                yield from ((f"{name}.{field}", inner) for field, inner in value)
            else:
                yield name, value


def text_of(path: Path | str) -> str:
    """What a file says; RecipeError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(
            f"a recipe must be a readable file: {str(path)!r} ({error.strerror})"
        ) from None
    except ValueError:  # no UTF-8, or no path at all
        raise RecipeError(f"a recipe must be TOML in UTF-8: {str(path)!r}") from None


def tree_of(text: str) -> dict[str, Any]:
    """The tables of a TOML text; RecipeError where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(
            f"a recipe must be TOML: {error}", hint="texts need quotes, tables [brackets]"
        ) from None
    except (ValueError, RecursionError):  # of Python's own: digits or brackets by the thousand
        raise RecipeError("a recipe must be TOML: a value in it is too long to read") from None


def edited_tree(tree: Mapping[str, Any], edits: Mapping[str, Any]) -> dict[str, Any]:
    """A plain tree with fields changed as `Recipe.edited` does; raises for those unknown."""
    unknown = [
        Problem(field, ABSENT if value is None else value, UNKNOWN, nearest_field(field))
        for field, value in edits.items()
        if not exists(field)
    ]
    if unknown:
        raise ImpossibleRecipe(unknown)
    changed: dict[str, Any] = plain(tree)
    training = changed.get("training")
    if isinstance(training, dict):
        _forget_settings(training, edits.get("training.optimizer"))
    for field, value in sorted(edits.items(), key=lambda item: item[0].count(".")):
        edit(changed, field, plain(value))
    return changed


def _as_table(tree: Mapping[str, Any]) -> dict[str, Any]:
    given = plain(tree)
    if not isinstance(given, dict):
        raise RecipeError(f"a recipe must be a table of tables: {spelled(given)}")
    return given


def _forget_settings(training: dict[str, Any], optimizer: Any) -> None:
    """Leave out the settings that another optimizer, now to be used, does not have."""
    if isinstance(optimizer, str) and optimizer in OPTIMIZER_SETTINGS:
        for name in set(SETTINGS) - set(OPTIMIZER_SETTINGS[optimizer]):
            training.pop(name, None)


_LONG_LIST = re.compile(r"= \[\n((?:    [^{\n]*,\n)+)\]")  # as tomli_w writes any list


def _in_one_line(lines: re.Match[str]) -> str:
    return f"= [{', '.join(line.strip(' ,') for line in lines[1].splitlines())}]"


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a recipe."""
    from descend.recipe.schema import schema_of

    return schema_of(Recipe)
