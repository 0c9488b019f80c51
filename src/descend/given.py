"""Given: what the public functions take, and a sentence on what is of another kind."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import wraps
from numbers import Integral, Real
from typing import Any, ParamSpec, TypeVar

from descend.errors import DataError, DescendError, NetworkError, RecipeError, RunError
from descend.recipe.complaints import spelled

P = ParamSpec("P")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Kind:
    """What an argument must be: in words, and as a test of a value that is not None."""

    words: str
    accepts: Callable[[Any], bool]
    error: type[DescendError] = RunError
    hint: str | None = None


def _is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str)


def _is_run(value: Any) -> bool:
    from descend.runs.run import Run

    return isinstance(value, Run) or _is_path(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and value == value


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0


def _is_flag(value: Any) -> bool:
    return type(value).__name__ in ("bool", "bool_")  # numpy's as well


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_table(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(name, str) for name in value)


def _is_table_of_edits(value: Any) -> bool:
    return _is_table(value) and all(map(_is_table, value.values()))


def _are_data(value: Any) -> bool:
    from descend.data.examples import Examples

    return isinstance(value, Examples) or (isinstance(value, tuple) and len(value) == 2)


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2


def _is_module(value: Any) -> bool:
    from torch.nn import Module

    return isinstance(value, Module)


def _are_optimizers(value: Any) -> bool:
    from torch.optim import Optimizer

    if isinstance(value, Optimizer | Iterator):  # looking through an iterator would use it up
        return True
    return isinstance(value, Iterable) and all(isinstance(one, Optimizer) for one in value)


def _of_recipe(words: str, accepts: Callable[[Any], bool], hint: str | None = None) -> Kind:
    return Kind(words, accepts, RecipeError, hint)


COUNT = Kind("a whole number, 1 or more", _is_whole)
COUNT_OF_RECIPE = _of_recipe(COUNT.words, _is_whole)
CALLED = Kind("a function", callable)
FLAG = Kind("True or False", _is_flag)
TEXT = _of_recipe("a text", _is_text)

KINDS: Mapping[str, Kind] = {
    "announce": CALLED,
    "baseline": _of_recipe("the name of a variant", _is_text),
    "batch": COUNT_OF_RECIPE,
    "preflight.batch": Kind(
        "a pair (x, y) of tensors",
        _is_pair,
        NetworkError,
        "descend.preflight(model, batch=(x, y), loss=torch.nn.CrossEntropyLoss())",
    ),
    "before": CALLED,
    "checkpoint_seconds": Kind("a number of seconds", _is_number),
    "comparison": Kind("the path of a comparison's folder", _is_path),
    "data": Kind(
        "a pair (x, y) of arrays, or Examples",
        _are_data,
        DataError,
        "descend.train(recipe, data=(x, y)); an autoencoder takes (x, None)",
    ),
    "data_dir": Kind("the path of a folder", _is_path, DataError),
    "edits": _of_recipe(
        "a table of values by dotted name", _is_table, 'for example {"training.lr": 0.01}'
    ),
    "every": Kind("a whole number of steps, 1 or more", _is_whole, NetworkError),
    "found": CALLED,
    "halving": COUNT_OF_RECIPE,
    "is_large_allowed": FLAG,
    "preflight.loss": Kind("a function of outputs and targets", callable, NetworkError),
    "memory": Kind("a whole number of bytes", _is_whole),
    "metric": _of_recipe("the name of a metric", _is_text, 'for example "test/accuracy"'),
    "model": Kind("a torch.nn.Module", _is_module, NetworkError),
    "most_cost": Kind("a number of trainings, more than 0", _is_positive),
    "name": TEXT,
    "optimizer": Kind("a torch optimizer or several", _are_optimizers, NetworkError),
    "out": Kind(
        "the path of a folder, or None", _is_path, hint="out=None keeps everything in memory"
    ),
    "processes": COUNT,
    "prove": FLAG,
    "quiet": FLAG,
    "recipes": _of_recipe(
        "a table of recipes by name", _is_table, 'for example {"wide": "wide.toml"}'
    ),
    "run": Kind("a Run or the path of its folder", _is_run),
    "resume.run": Kind("the path of a run's folder", _is_path),
    "load_run.run": Kind("the path of a run's folder", _is_path),
    "samples": COUNT_OF_RECIPE,
    "search": _of_recipe("the name of a sampler", _is_text, 'for example "tpe"'),
    "target": _of_recipe("a number", _is_number),
    "tell": CALLED,
    "threads": COUNT,
    "variants": _of_recipe(
        "a table of edits by name",
        _is_table_of_edits,
        'for example {"slow": {"training.lr": 0.01}}',
    ),
    "zipped": FLAG,
}
"""By the name of the argument, after that of the function where it differs there.

What is not here is looked at where it is read, for more than its kind: recipes, seeds, axes, draws,
devices, modules, fields of the recipe.
"""


def checked(function: Callable[P, Result]) -> Callable[P, Result]:
    """The function, which raises a DescendError at once for an argument of another kind."""
    parameters = inspect.signature(function).parameters
    optional = {name for name, one in parameters.items() if str(one.annotation).endswith("| None")}

    @wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> Result:
        for name, value in {**dict(zip(parameters, args, strict=False)), **kwargs}.items():
            # the options of a lab are parameters of `train`, which looks at those that are None
            if value is not None or name in parameters.keys() - optional:
                _check(function.__name__, name, value)
        return function(*args, **kwargs)

    call.__module__ = "descend"  # where it is found, by pickle as well
    return call


def _check(function: str, name: str, value: Any) -> None:
    kind = KINDS.get(f"{function}.{name}") or KINDS.get(name)
    if kind is not None and not kind.accepts(value):
        raise kind.error(f"`{name}` must be {kind.words}: {_named(value)}", hint=kind.hint)


def _named(value: Any) -> str:
    """Plain data as they are, anything else as what it is."""
    is_plain = value is None or isinstance(value, str | bytes | Real | list | tuple | Mapping)
    return " ".join(spelled(value).split()) if is_plain else type(value).__name__
