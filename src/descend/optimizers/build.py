"""From names and settings to an optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from descend.errors import RecipeError
from descend.optimizers.adadelta import Adadelta
from descend.optimizers.adagrad import Adagrad
from descend.optimizers.adam import Adam, AdamW
from descend.optimizers.adamax import Adamax
from descend.optimizers.asgd import ASGD
from descend.optimizers.lbfgs import LBFGS
from descend.optimizers.optimizer import Optimizer
from descend.optimizers.rmsprop import RMSprop
from descend.optimizers.rprop import Rprop
from descend.optimizers.rule import Rule
from descend.optimizers.settings import SWITCHES, faults, settings_of
from descend.optimizers.sgd import SGD
from descend.optimizers.sparse_adam import SparseAdam

RULES: tuple[type[Rule], ...] = (
    SGD,
    Adam,
    AdamW,
    Adamax,
    Adagrad,
    Adadelta,
    RMSprop,
    Rprop,
    ASGD,
    LBFGS,
    SparseAdam,
)
OPTIMIZERS: dict[str, type[Rule]] = {rule.name: rule for rule in RULES}


def build(
    name: str,
    theta: Float[Tensor, "runs parameters"],
    rows: Sequence[Mapping[str, Any]],
    *,
    sparse_rows: tuple[int, int] | None = None,
) -> Optimizer:
    """The optimizer `name` for a stack, with one mapping of settings per run.

    What a mapping leaves out takes torch's default (see `settings_of`). Numbers may differ between
    the runs, switches (`nesterov`, `amsgrad`, `centered`, `line_search`) may not.
    `sparse_rows`: (fan_in, fan_out) of the first layer, which only `sparse_adam` looks at.
    Raises RecipeError on an impossible setting.
    """
    if len(rows) != theta.shape[0]:
        raise RecipeError(f"{len(rows)} rows of optimizer settings, expected {theta.shape[0]}")
    for row in rows:
        for fault in faults(name, row):
            message = f"`{fault.setting}` of {name} must be {fault.expected}: {fault.value!r}"
            raise RecipeError(message)
    settings = [{**settings_of(name), **row} for row in rows]
    numbers, layout = {}, {}
    for key in settings_of(name):
        column = [setting[key] for setting in settings]
        if key in SWITCHES:
            layout[key] = _shared(key, column)
        else:
            numbers[key] = _tensor(column, theta)
    if name == "sparse_adam":
        layout["sparse_rows"] = sparse_rows
    return OPTIMIZERS[name](theta, numbers, **layout)


def _tensor(column: Sequence[Any], theta: Tensor) -> Tensor:
    """One number or pair per run, (runs, 1) or (runs, 2), in float64; None becomes NaN."""
    values = [float("nan") if value is None else value for value in column]
    return torch.tensor(values, dtype=torch.float64, device=theta.device).reshape(len(values), -1)


def _shared(key: str, column: Sequence[Any]) -> Any:
    if any(value != column[0] for value in column):
        given = ", ".join(sorted({str(value) for value in column}))
        raise RecipeError(
            f"`{key}` differs between the runs of one stack: {given}, expected one value",
            hint="runs that differ in it belong into separate stacks",
        )
    return column[0] if column else None
