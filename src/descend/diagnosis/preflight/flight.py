"""Flight: all checks of a preflight, on a recipe or on anybody's module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from descend.data.examples import Examples
from descend.diagnosis.preflight.finite_differences import finite_differences
from descend.diagnosis.preflight.independence import independence
from descend.diagnosis.preflight.learning import learning
from descend.diagnosis.preflight.of_module import Criterion, ModuleSubject
from descend.diagnosis.preflight.of_recipe import RecipeSubject
from descend.diagnosis.preflight.outcome import Preflight
from descend.diagnosis.preflight.overfitting import enough, overfitting
from descend.diagnosis.preflight.subject import Subject
from descend.errors import NetworkError, RecipeError
from descend.intake import Arrays, as_recipe, complete_with_examples
from descend.recipe import Recipe

Batch = tuple[Any, Any]


def preflight(
    given: Recipe | nn.Module | Mapping[str, Any] | Path | str,
    *,
    batch: Batch | None = None,
    loss: Criterion | None = None,
    edits: Mapping[str, Any] | None = None,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
) -> Preflight:
    """Four cheap checks of a recipe, or of a module with a batch and its loss.

    One batch can be overfitted, every layer learns, examples of a batch do not influence each
    other, and gradients agree with finite differences. A module stays as it is, with its weights,
    its mode and everybody's random numbers: copies of it are trained and asked.
    batch: (x, y), inputs and targets as the module and the loss take them, of which 32 examples are
    looked at; loss: called as loss(module(x), y).
    Raises NetworkError where a module cannot be looked at, and DescendError as `train` does.
    """
    begin = perf_counter()
    if isinstance(given, nn.Module):
        if edits or data is not None:
            raise RecipeError("`edits` and `data` must be absent for a module: it has a batch")
        name, subject = type(given).__name__, _of_module(given, batch, loss)
    else:
        if batch is not None or loss is not None:
            raise RecipeError("`batch` and `loss` must be absent for a recipe: it has its own")
        name, subject = _of_recipe(given, edits or {}, data, data_dir)
    checked = _checked(name, subject)
    return replace(checked, seconds=round(perf_counter() - begin, 3))


def _checked(name: str, subject: Subject) -> Preflight:
    fit = subject.fit(enough(subject))
    outcomes = [
        overfitting(subject, fit),
        learning(subject, fit),
        independence(subject),
        finite_differences(subject),
    ]
    return Preflight(name, outcomes)


def _of_module(module: nn.Module, batch: Batch | None, loss: Criterion | None) -> Subject:
    if batch is None or loss is None or len(batch) != 2:
        raise NetworkError(
            "a module must come with `batch=(x, y)` and `loss`",
            hint="descend.preflight(model, batch=(x, y), loss=torch.nn.CrossEntropyLoss())",
        )
    x, y = (_tensor(part) for part in batch)
    if not len(x) or len(x) != len(y):
        raise NetworkError(
            f"`batch` must have as many targets as inputs, and at least one: {len(x)} and {len(y)}"
        )
    return ModuleSubject(module, (x, y), loss)


def _of_recipe(
    given: Recipe | Mapping[str, Any] | Path | str,
    edits: Mapping[str, Any],
    data: Examples | Arrays | None,
    data_dir: Path | str | None,
) -> tuple[str, Subject]:
    recipe, name = as_recipe(given, "arrays" if data is not None else None)
    completed, examples = complete_with_examples(recipe.edited(edits), data, data_dir)
    return name, RecipeSubject(completed, examples)


def _tensor(part: Any) -> Tensor:
    if isinstance(part, np.ndarray):
        part = torch.from_numpy(part)
    if not isinstance(part, Tensor) or part.ndim == 0:
        raise NetworkError(
            f"`batch` must be two tensors, examples first: {type(part).__name__}",
            hint="a module that takes several inputs can be wrapped in one that takes one tensor",
        )
    return part
