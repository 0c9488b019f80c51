"""Update rules for many runs at once; their names and settings are known without importing torch.

`descend.optimizers.build.build` makes one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from descend.optimizers.schedules import factor
from descend.optimizers.settings import (
    OPTIMIZER_SETTINGS,
    SCHEDULE_SETTINGS,
    SWITCHES,
    Fault,
    faults,
    schedule_faults,
    schedule_settings_of,
    settings_of,
)

if TYPE_CHECKING:
    from descend.optimizers.build import OPTIMIZERS
    from descend.optimizers.clipping import clip_norm, clip_value
    from descend.optimizers.optimizer import Optimizer
    from descend.optimizers.plateau import Plateau

__all__ = [
    "OPTIMIZERS",
    "OPTIMIZER_SETTINGS",
    "SCHEDULE_SETTINGS",
    "SWITCHES",
    "Fault",
    "Optimizer",
    "Plateau",
    "clip_norm",
    "clip_value",
    "factor",
    "faults",
    "schedule_faults",
    "schedule_settings_of",
    "settings_of",
]

_LAZY = {
    "OPTIMIZERS": "build",
    "Optimizer": "optimizer",
    "Plateau": "plateau",
    "clip_norm": "clipping",
    "clip_value": "clipping",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
