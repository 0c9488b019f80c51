"""Recipe: one experiment as a value, read from TOML and written back without loss."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import BaseModel, Field, ValidationError, model_validator

from descend.errors import RecipeError
from descend.recipe.complaints import impossible, report
from descend.recipe.edits import edit, thawed
from descend.recipe.fields import Named, Part, frozen
from descend.recipe.model import Data, Layer, Network, Training, loss_problems


class Recipe(Part):
    """What to train: data, network and training, validated as a whole.

    >>> recipe = Recipe.of({"data": {"source": "xor"}, "network": {"hidden": [2]}})
    >>> recipe.edited({"training.lr": 0.5}).training.lr
    0.5
    """

    title: str = ""
    data: Data
    network: Network = Field(default_factory=Network)
    training: Training = Field(default_factory=Training)

    @model_validator(mode="after")
    def _parts_fit(self) -> Recipe:
        problems = loss_problems(self.data.task, self.training.loss) if self.data.task else []
        if problems:
            raise impossible(problems)
        return self

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """The recipe of nested plain data; raises one RecipeError that names every problem."""
        try:
            return cls.model_validate(frozen(tree))
        except ValidationError as error:
            raise report(error, field_names()) from None

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """The recipe that a TOML text holds."""
        try:
            tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise RecipeError(
                f"a recipe must be TOML: {error}", hint="texts need quotes, tables [brackets]"
            ) from None
        return cls.of(tree)

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """The recipe of a TOML file."""
        try:
            text = Path(path).read_text(encoding="utf-8")
        except OSError as error:
            raise RecipeError(
                f"a recipe must be a readable file: {str(path)!r} ({error.strerror})"
            ) from None
        except UnicodeDecodeError:
            raise RecipeError(f"a recipe must be TOML in UTF-8: {str(path)!r}") from None
        return cls.from_toml(text)

    def tree(self) -> dict[str, Any]:
        """This recipe as plain nested data without the fields that are None."""
        plain: dict[str, Any] = thawed(self.model_dump())
        return plain

    def to_toml(self) -> str:
        """This recipe as TOML; reading it gives an equal recipe."""
        return tomli_w.dumps(self.tree())

    def edited(self, edits: Mapping[str, Any]) -> Self:
        """This recipe with fields changed by dotted name; None leaves the choice to descend again."""
        tree = self.tree()
        for field, value in edits.items():
            edit(tree, field, thawed(value))
        return self.of(tree)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a recipe."""
    return Recipe.model_json_schema()


@cache
def field_names() -> tuple[str, ...]:
    """Every dotted field of a recipe, for finding the nearest one."""
    return tuple(_fields_below(Recipe, ""))


def _fields_below(part: type[BaseModel], prefix: str) -> list[str]:
    names: list[str] = []
    for name, field in part.model_fields.items():
        names.append(prefix + name)
        inner = _PARTS.get(f"{part.__name__}.{name}")
        if inner is not None:
            names += _fields_below(inner, f"{prefix}{name}.")
    return names


_PARTS: dict[str, type[BaseModel]] = {
    "Recipe.data": Data,
    "Recipe.network": Network,
    "Recipe.training": Training,
}
