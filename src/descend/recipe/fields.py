"""The kinds of field that recipes are made of: each says in one sentence what it expects."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    ValidationError,
    ValidatorFunctionWrapHandler,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from descend.errors import RecipeError
from descend.recipe.complaints import Problem, listed
from descend.recipe.names import nearest

LARGEST = 2**63 - 1  # what TOML and torch can hold


def unexpected(expected: str, close: str | None = None) -> PydanticCustomError:
    """The error of a value that is not `expected`."""
    context = {"expected": expected, "nearest": close}
    return PydanticCustomError("unexpected", "must be {expected}", context)


def impossible(problems: Sequence[Problem]) -> PydanticCustomError:
    """The error of fields that are each possible but not together."""
    return PydanticCustomError("impossible", "impossible together", {"problems": tuple(problems)})


@dataclass(frozen=True)
class Expected:
    """The annotation of a value whose every fault is told in the same words."""

    words: str

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, given: Any, accept: ValidatorFunctionWrapHandler) -> Any:
        try:
            return accept(given)
        except ValidationError:
            is_huge = isinstance(given, int) and abs(given) > LARGEST
            raise unexpected("below 2^63" if is_huge else self.words) from None


@dataclass(frozen=True)
class OneOf:
    """The annotation of a value that must be one of a few."""

    values: tuple[str | bool, ...]

    @property
    def words(self) -> str:
        """What is expected, as a part of a sentence."""
        names = [value for value in self.values if isinstance(value, str)]
        if len(names) == len(self.values) > 1:
            return f"one of {', '.join(names)}"
        return listed(
            [
                f'"{value}"' if isinstance(value, str) else str(value).lower()
                for value in self.values
            ],
            "or",
        )

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._check)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"enum": list(self.values)}

    def _check(self, given: Any) -> str | bool:
        for value in self.values:
            if isinstance(given, type(value)) and given == value:
                return value
        close = nearest(given, (value for value in self.values if isinstance(value, str)))
        raise unexpected(self.words, close)


class Part(BaseModel):
    """A frozen table of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _take_lists(cls, given: Any) -> Any:
        """Lists become tuples: nothing in a part can be changed."""
        if not isinstance(given, dict):
            return given
        return {
            key: tuple(value) if isinstance(value, list) else value for key, value in given.items()
        }

    def __repr_args__(self) -> Any:
        """The fields that are not as they would be anyway."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if field.is_required() or value != field.get_default(call_default_factory=True):
                yield name, value


def plain(value: Any) -> Any:
    """`value` as dicts, lists, texts and numbers of Python's own, ready for TOML and edits.

    A field that is None is left out; paths become texts, numpy's and torch's numbers Python's.
    """
    try:
        return _plain(value)
    except RecursionError:
        raise RecipeError("a recipe must be a table of tables: it is nested without end") from None


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump())
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if callable(to_list := getattr(value, "tolist", None)):
        return _plain(to_list())
    return value


def _writable(text: str) -> str:
    text.encode()  # half of a surrogate pair cannot be written to a file
    return text


def _not_all_zero(weights: tuple[float, ...]) -> tuple[float, ...]:
    if not any(weights):
        raise ValueError("all 0")
    return weights


Text = Annotated[str, AfterValidator(_writable), Expected("a text in quotes")]
Name = Annotated[str, Field(min_length=1), AfterValidator(_writable), Expected("a text in quotes")]
Flag = Annotated[bool, Expected("true or false")]
Count = Annotated[int, Field(ge=1, le=LARGEST), Expected("a whole number, 1 or more")]
Whole = Annotated[int, Field(ge=0, le=LARGEST), Expected("a whole number, 0 or more")]
Number = Annotated[float, Expected("a finite number")]
Amount = Annotated[float, Field(ge=0), Expected("a number, 0 or more")]
Positive = Annotated[float, Field(gt=0), Expected("a number above 0")]
Part0To1 = Annotated[float, Field(ge=0, le=1), Expected("a number from 0 to 1")]
Share = Annotated[float, Field(ge=0, lt=1), Expected("a number from 0 to below 1")]
Size = Annotated[
    Annotated[float, Field(ge=0, lt=1)] | Annotated[int, Field(ge=0, le=LARGEST)],
    Expected("a share below 1 or a whole number of examples"),
]
Weights = Annotated[
    tuple[Annotated[float, Field(ge=0)], ...], Field(min_length=1), AfterValidator(_not_all_zero)
]
