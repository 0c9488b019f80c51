"""Named: a choice with options, written `"normal"` or `{ name = "normal", std = 0.05 }`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, GetJsonSchemaHandler, model_serializer, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from descend.recipe.complaints import Problem
from descend.recipe.fields import LARGEST, Name, Part, impossible, unexpected
from descend.recipe.names import nearest

Options = Mapping[str, Any]


class Named(Part, ABC):
    """A name with options; `CHOICES` are the names with the defaults of their options."""

    model_config = ConfigDict(extra="allow")
    CHOICES: ClassVar[Mapping[str, Options]] = {}

    name: Name

    @property
    def parameters(self) -> Options:
        """The options that were given."""
        return MappingProxyType(self.model_extra or {})

    @classmethod
    @abstractmethod
    def problems(cls, name: str, options: Options) -> list[Problem]:
        """What is impossible about options that `name` has."""

    @classmethod
    @abstractmethod
    def schema_of(cls, name: str, option: str) -> JsonSchemaValue:
        """The JSON Schema of an option of `name`."""

    @classmethod
    def required(cls, name: str) -> list[str]:
        """The options that `name` cannot do without."""
        return []

    @model_validator(mode="before")
    @classmethod
    def _accept_a_name(cls, given: Any) -> Any:
        if isinstance(given, Named):
            given = {"name": given.name, **given.parameters}
        if isinstance(given, str):
            given = {"name": given}
        if not isinstance(given, dict):
            raise unexpected("a name, or a table with a name and options")
        name = given.get("name")
        defaults = cls.CHOICES.get(name, {}) if isinstance(name, str) else {}
        return {key: _as_default(value, defaults.get(key)) for key, value in given.items()}

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if self.name not in self.CHOICES:
            names = tuple(self.CHOICES)
            expected = f"one of {', '.join(names)}"
            raise impossible([Problem("", self.name, expected, nearest(self.name, names))])
        if problems := self._problems():
            raise impossible(problems)
        return self

    def _problems(self) -> list[Problem]:
        known = self.CHOICES[self.name]
        words = f"one of {', '.join(known)}" if known else "absent"
        possible: dict[str, Any] = {}
        problems = []
        for key, value in self.parameters.items():
            if key not in known:
                expected = f"{words} for {self.name}"
                problems.append(Problem(key, value, expected, nearest(key, known)))
            elif not isinstance(value, bool | int | float | str):
                problems.append(Problem(key, value, "a number or a word"))
            elif isinstance(value, int) and abs(value) > LARGEST:
                problems.append(Problem(key, value, "below 2^63"))
            else:
                possible[key] = value
        is_unclear = {problem.field for problem in problems}
        found = self.problems(self.name, possible)
        return problems + [problem for problem in found if problem.field not in is_unclear]

    @model_serializer
    def _serialize(self) -> str | dict[str, Any]:
        return {"name": self.name, **self.parameters} if self.parameters else self.name

    def __repr_args__(self) -> Any:
        yield None, self.name
        yield from self.parameters.items()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        short = [name for name in cls.CHOICES if not cls.required(name)]
        tables = [
            {
                "type": "object",
                "properties": {
                    "name": {"const": name},
                    **{option: cls.schema_of(name, option) for option in options},
                },
                "required": ["name", *cls.required(name)],
                "additionalProperties": False,
            }
            for name, options in cls.CHOICES.items()
        ]
        return {"description": cls.__doc__, "anyOf": [{"enum": short}, *tables]}


def _as_default(value: Any, default: Any) -> Any:
    """A whole number as a float where the option is a quantity, so that 1 and 1.0 are one."""
    is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST
    return float(value) if is_whole and isinstance(default, float) else value
