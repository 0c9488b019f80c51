"""Tensors in whatever modules are given and give: tuples, lists, mappings, dataclasses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

DEEP = 4  # nested


def tensors_in(value: Any, deep: int = DEEP) -> Iterator[Tensor]:
    """All tensors in a value, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, PackedSequence):
        yield value.data
    elif deep and (parts := _parts(value)) is not None:
        for part in parts:
            yield from tensors_in(part, deep - 1)


def first_tensor(value: Any) -> Tensor | None:
    """The first tensor in a value."""
    return next(tensors_in(value), None)


def _parts(value: Any) -> list[Any] | None:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, tuple | list):
        return list(value)
    if is_dataclass(value) and not isinstance(value, type):
        return [getattr(value, one.name) for one in fields(value)]
    return None
