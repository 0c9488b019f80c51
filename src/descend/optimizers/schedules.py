"""Learning-rate schedules: the factor on the base rate at each step; without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from descend.errors import RecipeError
from descend.optimizers.settings import schedule_settings_of


def factor(
    name: str, settings: Mapping[str, Any], step: int, steps_per_epoch: int, total_steps: int
) -> float:
    """The factor on the base learning rate at `step` = 0, 1, … of `total_steps`.

    A pure function of the step, so a resumed run needs no state of it. Factors of several
    schedules may be multiplied. `plateau` looks at results instead: see `Plateau`.
    """
    if name not in SCHEDULES:
        schedule_settings_of(name)  # an unknown name raises here, with the nearest known one
        raise RecipeError(f"{name} is no function of the step", hint="use `Plateau`")
    given = {**schedule_settings_of(name), **settings}
    return SCHEDULES[name](given, step, steps_per_epoch, total_steps)


def _constant(given: Mapping[str, Any], step: int, steps_per_epoch: int, total: int) -> float:
    """1, always."""
    return 1.0


def _step(given: Mapping[str, Any], step: int, steps_per_epoch: int, total: int) -> float:
    """γ^⌊epoch / step_size⌋: a drop by `gamma` every `step_size` epochs (StepLR)."""
    epoch = step // steps_per_epoch
    return float(given["gamma"] ** (epoch // given["step_size"]))


def _cosine(given: Mapping[str, Any], step: int, steps_per_epoch: int, total: int) -> float:
    """Half a cosine from 1 towards f = `final`: f + (1 - f)·(1 + cos(π·step / total)) / 2.

    CosineAnnealingLR, advanced after every step. Loshchilov & Hutter 2017 (without restarts).
    """
    final = float(given["final"])
    return final + (1 - final) * (1 + math.cos(math.pi * min(step / total, 1.0))) / 2


def _one_cycle(given: Mapping[str, Any], step: int, steps_per_epoch: int, total: int) -> float:
    """Up from 1 / div_factor to 1 over the share `pct_start` of all steps, then down to nearly 0.

    OneCycleLR with cosine annealing and the base rate as its peak; momentum is left alone.
    The last step has 1 / (div_factor·final_div_factor). Smith & Topin 2018.
    """
    first = 1 / given["div_factor"]
    last = first / given["final_div_factor"]
    peak = given["pct_start"] * total - 1
    if step <= peak:
        return _annealed(first, 1.0, step / peak if peak > 0 else 1.0)
    return _annealed(1.0, last, (step - peak) / (total - 1 - peak) if total - 1 > peak else 1.0)


def _annealed(start: float, end: float, share: float) -> float:
    return end + (start - end) / 2 * (1 + math.cos(math.pi * min(share, 1.0)))


def _warmup(given: Mapping[str, Any], step: int, steps_per_epoch: int, total: int) -> float:
    """Straight from `start` to 1 over `steps`, else over `epochs` (LinearLR)."""
    steps = given["steps"]
    length = given["epochs"] * steps_per_epoch if steps is None else steps
    share = min(step / length, 1.0) if length > 0 else 1.0
    return float(given["start"] + (1 - given["start"]) * share)


SCHEDULES: Mapping[str, Callable[[Mapping[str, Any], int, int, int], float]] = {
    "constant": _constant,
    "step": _step,
    "cosine": _cosine,
    "one_cycle": _one_cycle,
    "warmup": _warmup,
}
