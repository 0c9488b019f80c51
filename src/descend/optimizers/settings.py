"""What each optimizer and schedule can be told, with torch's defaults; without torch.

A recipe is checked against these tables, so this module must import in no time.
Numbers (and pairs of numbers) may differ between the runs of a stack; switches may not.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from descend.errors import RecipeError

Value = float | int | bool | str | tuple[float, float] | None

_ADAM: Mapping[str, Value] = {
    "lr": 1e-3,
    "betas": (0.9, 0.999),
    "eps": 1e-8,
    "weight_decay": 0.0,
    "amsgrad": False,
}

OPTIMIZER_SETTINGS: Mapping[str, Mapping[str, Value]] = {
    "sgd": {
        "lr": 1e-3,
        "momentum": 0.0,
        "dampening": 0.0,
        "weight_decay": 0.0,
        "nesterov": False,
    },
    "adam": _ADAM,
    "adamw": {**_ADAM, "weight_decay": 1e-2},
    "adamax": {"lr": 2e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.0},
    "adagrad": {
        "lr": 1e-2,
        "lr_decay": 0.0,
        "weight_decay": 0.0,
        "initial_accumulator_value": 0.0,
        "eps": 1e-10,
    },
    "adadelta": {"lr": 1.0, "rho": 0.9, "eps": 1e-6, "weight_decay": 0.0},
    "rmsprop": {
        "lr": 1e-2,
        "alpha": 0.99,
        "eps": 1e-8,
        "weight_decay": 0.0,
        "momentum": 0.0,
        "centered": False,
    },
    "rprop": {"lr": 1e-2, "etas": (0.5, 1.2), "step_sizes": (1e-6, 50.0)},
    "asgd": {"lr": 1e-2, "lambd": 1e-4, "alpha": 0.75, "t0": 1e6, "weight_decay": 0.0},
    "lbfgs": {
        "lr": 1.0,
        "max_iter": 20,
        "max_eval": None,
        "tolerance_grad": 1e-7,
        "tolerance_change": 1e-9,
        "history_size": 100,
        "line_search": None,
    },
    "sparse_adam": {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8},
}
"""The settings of each optimizer with the defaults of `torch.optim`."""

SCHEDULE_SETTINGS: Mapping[str, Mapping[str, Value]] = {
    "constant": {},
    "step": {"step_size": 10, "gamma": 0.1},
    "cosine": {"final": 0.0},
    "one_cycle": {"pct_start": 0.3, "div_factor": 25.0, "final_div_factor": 1e4},
    "warmup": {"epochs": 1.0, "steps": None, "start": 1 / 3},
    "plateau": {
        "factor": 0.1,
        "patience": 10,
        "threshold": 1e-4,
        "cooldown": 0,
        "min_lr": 0.0,
        "mode": "min",
    },
}
"""The settings of each learning-rate schedule; torch's defaults where torch has one."""

SWITCHES = frozenset({"nesterov", "amsgrad", "centered", "line_search", "mode"})
"""Settings that choose the rule itself: all runs of one stack share them."""


def settings_of(name: str) -> Mapping[str, Value]:
    """The settings that the optimizer `name` understands, with their defaults."""
    return _look_up(OPTIMIZER_SETTINGS, name, "optimizer")


def schedule_settings_of(name: str) -> Mapping[str, Value]:
    """The settings that the learning-rate schedule `name` understands, with their defaults."""
    return _look_up(SCHEDULE_SETTINGS, name, "schedule")


class Fault(NamedTuple):
    """One impossible setting: its name, its value, what was expected, the nearest known name."""

    setting: str
    value: Any
    expected: str
    nearest: str | None = None


def faults(name: str, settings: Mapping[str, Any]) -> list[Fault]:
    """All that is impossible about an optimizer's settings; an empty list if nothing is."""
    known = settings_of(name)
    found = _faults(name, known, settings)
    given = {**known, **settings}
    if not found and given.get("nesterov") and (given["momentum"] == 0 or given["dampening"] != 0):
        found.append(Fault("nesterov", True, "false without momentum, and beside a dampening"))
    return found


def schedule_faults(name: str, settings: Mapping[str, Any]) -> list[Fault]:
    """All that is impossible about a schedule's settings; an empty list if nothing is."""
    return _faults(name, schedule_settings_of(name), settings)


class _Expected(NamedTuple):
    """A range: in words, and as a test on a number or a pair."""

    words: str
    holds: Callable[..., bool]


_NOT_NEGATIVE = _Expected("a number of at least 0", lambda v: v >= 0)
_POSITIVE = _Expected("a number above 0", lambda v: v > 0)
_COUNT = _Expected("a whole number of at least 1", lambda v: v >= 1 and v == int(v))
_COUNT_OR_NONE = _Expected("a whole number of at least 0", lambda v: v >= 0 and v == int(v))
_NUMBER = _Expected("a number", lambda v: True)
_SHARE = _Expected("a number from 0 to 1", lambda v: 0 <= v <= 1)

_EXPECTED: Mapping[str, _Expected] = {
    "dampening": _NUMBER,
    "rho": _SHARE,
    "t0": _NUMBER,
    "lambd": _NUMBER,
    "betas": _Expected("two numbers from 0 to below 1", lambda a, b: 0 <= a < 1 and 0 <= b < 1),
    "etas": _Expected("two numbers with 0 < first < 1 < second", lambda a, b: 0 < a < 1 < b),
    "step_sizes": _Expected("two numbers with 0 < first <= second", lambda a, b: 0 < a <= b),
    "max_iter": _COUNT,
    "max_eval": _COUNT,
    "history_size": _COUNT,
    "asgd.alpha": _NUMBER,
    "sparse_adam.lr": _POSITIVE,
    "sparse_adam.eps": _POSITIVE,
    "step_size": _COUNT,
    "steps": _COUNT,
    "start": _SHARE,
    "final": _SHARE,
    "pct_start": _SHARE,
    "div_factor": _POSITIVE,
    "final_div_factor": _POSITIVE,
    "factor": _Expected("a number from 0 to below 1", lambda v: 0 <= v < 1),
    "patience": _COUNT_OR_NONE,
    "cooldown": _COUNT_OR_NONE,
}
"""Ranges as torch checks them; a setting that is not listed must be at least 0."""

_CHOICES: Mapping[str, tuple[Value, ...]] = {
    "line_search": (None, "strong_wolfe"),
    "mode": ("min", "max"),
}


def _faults(name: str, known: Mapping[str, Value], settings: Mapping[str, Any]) -> list[Fault]:
    found = []
    for setting, value in settings.items():
        if setting not in known:
            expected = f"left out, as {name} takes only {', '.join(known) or 'its name'}"
            found.append(Fault(setting, value, expected, _nearest(setting, known)))
        elif (violated := _violated(name, setting, known[setting], value)) is not None:
            found.append(Fault(setting, value, violated))
    return found


def _violated(name: str, setting: str, default: Value, value: Any) -> str | None:
    """What was expected of the value, or None if the value is possible."""
    if setting in _CHOICES:
        choices = _CHOICES[setting]
        words = " or ".join("none" if choice is None else f'"{choice}"' for choice in choices)
        return None if value in choices else words
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "true or false"
    if value is None and default is None:
        return None
    expected = _EXPECTED.get(f"{name}.{setting}", _EXPECTED.get(setting, _NOT_NEGATIVE))
    numbers = value if isinstance(value, list | tuple) else (value,)
    count = 2 if isinstance(default, tuple) else 1
    possible = (
        len(numbers) == count
        and all(_is_number(number) for number in numbers)
        and expected.holds(*numbers)
    )
    return None if possible else expected.words


def _is_number(value: Any) -> bool:
    is_real = isinstance(value, int | float) and not isinstance(value, bool)
    return is_real and math.isfinite(value)


def _nearest(name: str, known: Mapping[str, Any]) -> str | None:
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)


def _look_up(table: Mapping[str, Mapping[str, Value]], name: str, kind: str) -> Mapping[str, Value]:
    if name not in table:
        message = f"the {kind} must be one of {', '.join(table)}: {name!r}"
        close = _nearest(name, table)
        raise RecipeError(message, hint=f"did you mean {close!r}?" if close else None)
    return table[name]
