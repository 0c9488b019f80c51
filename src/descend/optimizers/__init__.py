"""Update rules for many runs at once; their names and settings are known without importing torch.

`descend.optimizers.build.build` makes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import at_first_use
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

_HOMES = {
    "OPTIMIZERS": "descend.optimizers.build",
    "Optimizer": "descend.optimizers.optimizer",
    "Plateau": "descend.optimizers.plateau",
    "clip_norm": "descend.optimizers.clipping",
    "clip_value": "descend.optimizers.clipping",
}

__getattr__ = at_first_use(__name__, _HOMES)
