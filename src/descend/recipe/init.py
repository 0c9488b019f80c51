"""Init: how weights and biases are drawn, as a recipe says it."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic.json_schema import JsonSchemaValue

from descend.network.init_names import BIAS_INITIALISERS, INITIALISERS, PARAMETERS, Choice, Number
from descend.network.init_names import faults as init_faults
from descend.recipe.complaints import ABSENT, Problem
from descend.recipe.named import Named, Options


class Init(Named):
    """How a layer's weights are drawn."""

    CHOICES: ClassVar = INITIALISERS

    @classmethod
    def problems(cls, name: str, options: Options) -> list[Problem]:
        return [
            Problem(
                fault.parameter,
                fault.value if fault.parameter in options else ABSENT,
                fault.expected,
                fault.nearest,
            )
            for fault in init_faults(name, options)
        ]

    @classmethod
    def required(cls, name: str) -> list[str]:
        kinds = PARAMETERS[name].items()
        return [option for option, kind in kinds if not kind.permits(kind.default)]

    @classmethod
    def schema_of(cls, name: str, option: str) -> JsonSchemaValue:
        kind = PARAMETERS[name][option]
        if isinstance(kind, Choice):
            return {"enum": list(kind.among), "default": kind.default}
        return _schema_of_number(kind)


class BiasInit(Init):
    """How a layer's biases are drawn."""

    CHOICES: ClassVar = BIAS_INITIALISERS


def _schema_of_number(kind: Number) -> JsonSchemaValue:
    bounds = {
        "exclusiveMinimum": kind.above,
        "minimum": kind.at_least,
        "exclusiveMaximum": kind.below,
    }
    schema: JsonSchemaValue = {"type": "integer" if kind.whole else "number"}
    schema |= {key: bound for key, bound in bounds.items() if math.isfinite(bound)}
    return schema if kind.default is None else {**schema, "default": kind.default}
