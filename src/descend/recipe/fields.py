"""The kinds of field that recipes are made of: a choice of names, a name with options, a frozen part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from descend.recipe.complaints import Problem, impossible, wrong_name


@dataclass(frozen=True)
class OneOf:
    """The annotation of a text that must be one of `names`."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "enum": list(self.names)}

    def _check(self, given: str) -> str:
        if given not in self.names:
            raise wrong_name(given, self.names)
        return given


class Part(BaseModel):
    """A frozen table of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Named(Part):
    """A name with options, written as `"normal"` or as `{ name = "normal", std = 0.05 }`."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)
    NAMES: ClassVar[Sequence[str]] = ()

    name: str

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The options that were given."""
        return self.model_extra or {}

    @classmethod
    def problems(cls, name: str, options: Mapping[str, Any]) -> list[Problem]:
        """What is impossible about the options of `name`."""
        raise NotImplementedError

    @model_validator(mode="before")
    @classmethod
    def _accept_a_name(cls, given: Any) -> Any:
        return {"name": given} if isinstance(given, str) else given

    @model_validator(mode="after")
    def _check_options(self) -> Self:
        if self.name not in self.NAMES:
            raise wrong_name(self.name, tuple(self.NAMES))
        if problems := self.problems(self.name, self.parameters):
            raise impossible(problems)
        return self

    @model_serializer
    def _serialize(self) -> str | dict[str, Any]:
        return {"name": self.name, **self.parameters} if self.parameters else self.name


def frozen(value: Any) -> Any:
    """`value` with every list a tuple, as frozen parts hold them."""
    if isinstance(value, Mapping):
        return {key: frozen(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(frozen(item) for item in value)
    return value


Count = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Amount = Annotated[float, Field(ge=0)]
