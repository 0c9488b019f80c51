"""Lazy names: those of a package that are imported from their homes when they are first used."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def at_first_use(
    package: str,
    homes: Mapping[str, str],
    finish: Callable[[Any], Any] = lambda value: value,
) -> Callable[[str], Any]:
    """A package's `__getattr__` (PEP 562) for the names in `homes`, each with its module.

    finish: makes what the package shows of what its home holds.
    """

    def find(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = finish(getattr(import_module(homes[name]), name))
        setattr(sys.modules[package], name, value)
        return value

    return find
