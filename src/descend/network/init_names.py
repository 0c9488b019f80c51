"""The names of the initialisers and their parameters, without torch: a recipe is checked at once.

`INITIALISERS` maps the name of each weight initialiser to its parameters' defaults, and
`BIAS_INITIALISERS` those that a bias can have; `faults` and `complete` check what was given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from descend.errors import RecipeError

Value = float | int | bool | str | None


@dataclass(frozen=True)
class Number:
    """A finite number within bounds; one without a default has to be given, unless optional."""

    default: float | int | None
    above: float = -math.inf
    at_least: float = -math.inf
    below: float = math.inf
    whole: bool = False
    optional: bool = False

    def permits(self, value: object) -> bool:
        if value is None:
            return self.optional
        if isinstance(value, bool) or not isinstance(value, int if self.whole else (int, float)):
            return False
        within = self.at_least <= value and self.above < value < self.below
        return within and math.isfinite(value)

    @property
    def expected(self) -> str:
        bounds = (("above", self.above), ("at least", self.at_least), ("below", self.below))
        words = [f"{word} {bound:g}" for word, bound in bounds if math.isfinite(bound)]
        kind = "a whole number" if self.whole else "a finite number"
        return f"{kind} {' and '.join(words)}".strip()


@dataclass(frozen=True)
class Choice:
    """One of several words, or of false and true."""

    default: str | bool
    among: tuple[str | bool, ...]

    def permits(self, value: object) -> bool:
        return any(value == one and type(value) is type(one) for one in self.among)

    @property
    def expected(self) -> str:
        return " or ".join(str(one).lower() for one in self.among)


@dataclass(frozen=True)
class RBMSettings:
    """How a restricted Boltzmann machine is trained (Hinton 2012, "A practical guide").

    k: Gibbs steps per update.
    persistent: the chains go on from update to update (Tieleman 2008), not anew from the data.
    lr: None is 0.1 for binary visible units and 0.005 for Gaussian ones, which diverge sooner.
    momentum: velocity ← momentum · velocity + lr · gradient.
    weight_decay: on w alone.
    visible: "auto" is binary where the prepared data lie in [0, 1], and Gaussian elsewhere.
    std: the spread of the weights before the first update.
    Raises RecipeError for a value outside its bounds.
    """

    k: int = 1
    persistent: bool = False
    epochs: int = 10
    lr: float | None = None
    batch_size: int = 32
    momentum: float = 0.5
    weight_decay: float = 1e-4
    visible: str = "auto"
    std: float = 0.01

    def __post_init__(self) -> None:
        complete("rbm", vars(self))

    @classmethod
    def of(cls, parameters: Mapping[str, Value]) -> RBMSettings:
        """The settings that the parameters of `init = { name = "rbm", … }` mean."""
        settings: dict[str, Any] = complete("rbm", parameters)
        return cls(**settings)


Parameters = Mapping[str, Number | Choice]

_VALUE: Parameters = {"value": Number(None)}
_NORMAL: Parameters = {"mean": Number(0.0), "std": Number(1.0, at_least=0.0)}
_UNIFORM: Parameters = {"low": Number(0.0), "high": Number(1.0)}
_GAIN: Parameters = {"gain": Number(1.0, above=0.0)}
_HE: Parameters = {
    "gain": Number(math.sqrt(2.0), above=0.0),
    "mode": Choice("fan_in", ("fan_in", "fan_out")),
}
_RBM: Parameters = {
    "k": Number(RBMSettings.k, at_least=1.0, whole=True),
    "persistent": Choice(RBMSettings.persistent, (False, True)),
    "epochs": Number(RBMSettings.epochs, at_least=0.0, whole=True),
    "lr": Number(RBMSettings.lr, above=0.0, optional=True),
    "batch_size": Number(RBMSettings.batch_size, at_least=1.0, whole=True),
    "momentum": Number(RBMSettings.momentum, at_least=0.0, below=1.0),
    "weight_decay": Number(RBMSettings.weight_decay, at_least=0.0),
    "visible": Choice(RBMSettings.visible, ("auto", "binary", "gaussian")),
    "std": Number(RBMSettings.std, at_least=0.0),
}
PARAMETERS: Mapping[str, Parameters] = {
    "torch": {},
    "zeros": {},
    "ones": {},
    "constant": _VALUE,
    "normal": _NORMAL,
    "uniform": _UNIFORM,
    "xavier_normal": _GAIN,
    "xavier_uniform": _GAIN,
    "he_normal": _HE,
    "he_uniform": _HE,
    "lecun_normal": {},
    "lecun_uniform": {},
    "orthogonal": _GAIN,
    "rbm": _RBM,
}
INITIALISERS: Mapping[str, Mapping[str, Value]] = {
    name: {key: kind.default for key, kind in parameters.items()}
    for name, parameters in PARAMETERS.items()
}
BIAS_INITIALISERS: Mapping[str, Mapping[str, Value]] = {
    name: INITIALISERS[name] for name in ("torch", "zeros", "ones", "constant", "normal", "uniform")
}


@dataclass(frozen=True)
class Init:
    """An initialiser's name and those of its parameters that differ from the defaults."""

    name: str = "torch"
    parameters: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: the parameter (empty for the name itself) and what was expected."""

    parameter: str
    value: object
    expected: str
    nearest: str | None = None


def faults(
    name: str, parameters: Mapping[str, object], names: Iterable[str] = INITIALISERS
) -> list[Fault]:
    """Everything that is wrong with an initialiser's name and parameters; empty if it is right."""
    if name not in (names := tuple(names)):
        return [Fault("", name, f"one of {', '.join(names)}", _nearest(name, names))]
    kinds = PARAMETERS[name]
    known = f"one of {', '.join(kinds)}" if kinds else "no parameters"
    found = [
        Fault(key, value, f"{known} for `{name}`", _nearest(key, kinds))
        for key, value in parameters.items()
        if key not in kinds
    ]
    given = {key: parameters.get(key, kind.default) for key, kind in kinds.items()}
    found += [
        Fault(key, given[key], kind.expected)
        for key, kind in kinds.items()
        if not kind.permits(given[key])
    ]
    if name == "uniform" and not found:
        low, high = (float(str(given[key])) for key in ("low", "high"))
        if low >= high:
            found.append(Fault("high", high, f"a finite number above `low` = {low:g}"))
    return found


def complete(
    name: str, parameters: Mapping[str, Value], names: Iterable[str] = INITIALISERS
) -> dict[str, Value]:
    """All parameters of an initialiser, with the defaults filled in.

    Raises RecipeError, which names every fault.
    """
    if wrong := faults(name, parameters, names):
        said = (
            f"initialiser `{name}`{f', `{fault.parameter}`' if fault.parameter else ''}: "
            f"expected {fault.expected}, given {fault.value!r}"
            for fault in wrong
        )
        nearest = [f"`{fault.nearest}`" for fault in wrong if fault.nearest]
        raise RecipeError(
            "; ".join(said), hint=f"did you mean {' and '.join(nearest)}?" if nearest else None
        )
    filled: dict[str, Value] = {}
    for key, kind in PARAMETERS[name].items():
        value = parameters.get(key, kind.default)
        is_real = isinstance(kind, Number) and not kind.whole and value is not None
        filled[key] = float(value) if is_real and value is not None else value
    return filled


def _nearest(word: str, words: Iterable[str]) -> str | None:
    return next(iter(get_close_matches(word, list(words), n=1, cutoff=0.5)), None)
