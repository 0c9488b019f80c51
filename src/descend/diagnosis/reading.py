"""Reading: the records of a run that is over, from its tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from descend.findings.record import Record
from descend.network.stack import weights_at
from descend.recipe import Recipe
from descend.runs.edits import recipes_of, seeded
from descend.runs.run import Run
from descend.trace.measurements import QUANTITIES, norms
from descend.training.training import Training

if TYPE_CHECKING:
    import polars

Numbers = NDArray[np.float64]

UNKNOWN: dict[str, Any] = dict.fromkeys(
    ("spread", "mean", "least", "most", "units_differ", "inputs_differ", "bias_spread", "signal")
)


def recipes_in(run: Run, facts: Mapping[str, Any]) -> list[Recipe]:
    """The recipe of each network of a run; facts: what its folder says, if it has one."""
    if facts:
        return recipes_of(run.recipe, {**facts, "seeds": run.seeds})
    return [seeded(run.recipe, seed) for seed in run.seeds]


def is_redrawn(run: Run, plan: Training) -> bool:
    """Whether the run began with the weights that its seeds draw, as `plan` has drawn them.

    It did not where a model was given; the norms of its weights at step 0 tell.
    """
    import polars

    is_first = (polars.col("step") == 0) & (polars.col("quantity") == "weight_norm")
    rows = run.trace.filter(is_first).sort("run", "layer")
    weights = norms(plan.stack.theta, weights_at(plan.stack.blocks))
    drawn = torch.stack(weights, dim=1).double().cpu().numpy()
    if len(rows) != drawn.size:
        return False
    return bool(np.allclose(rows["value"].to_numpy(), drawn.reshape(-1), rtol=1e-3, atol=1e-12))


def without_weights(record: Record) -> Record:
    """The record without what it says of weights that were given, not drawn."""
    layers = [replace(layer, **UNKNOWN) for layer in record.layers]
    nothing = Record()
    return replace(
        record,
        layers=layers,
        steps=nothing.steps,
        losses=nothing.losses,
        quantities=nothing.quantities,
        second_loss=None,
    )


def read_records(run: Run, plan: Training) -> list[Record]:
    """A record for each network of the run; plan: a training of it that was not begun."""
    return [_record(run, place, plan) for place in range(len(run.results))]


def _record(run: Run, place: int, plan: Training) -> Record:
    import polars

    result = run.results[place]
    trace = run.trace.filter(polars.col("run") == place)
    steps, losses, quantities = _trace(trace, len(plan.stack.blocks))
    history = run.history_table.filter(polars.col("run") == place)
    return Record(
        recipe=plan.recipes[place],
        steps=steps,
        losses=losses,
        quantities=quantities,
        curves=curves_of(history),
        metrics=result["metrics"],
        steps_per_epoch=plan.steps_per_epoch,
        planned_steps=plan.total,
        status="running" if result["status"] == "interrupted" else result["status"],
    )


def curves_of(history: polars.DataFrame) -> dict[str, Numbers]:
    """The curves of one network, (epochs,) by name, NaN where a metric was not taken."""
    import polars

    return {
        name: history[name].cast(polars.Float64).fill_null(np.nan).to_numpy()
        for name in history.columns
        if name not in ("run", "epoch")
    }


def _trace(
    frame: polars.DataFrame, layers: int
) -> tuple[NDArray[np.int64], Numbers, dict[str, Numbers]]:
    """Sampled steps, losses, and (samples, layers) by quantity of one network."""
    steps = np.sort(frame["step"].unique().to_numpy()).astype(np.int64)
    rows = np.searchsorted(steps, frame["step"].to_numpy())
    columns, values = frame["layer"].to_numpy(), frame["value"].to_numpy()
    names = frame["quantity"].to_numpy()
    losses = np.full(len(steps), np.nan)
    is_loss = names == "loss"
    losses[rows[is_loss]] = values[is_loss]
    quantities = {}
    for name in QUANTITIES:
        table = np.full((len(steps), layers), np.nan)
        is_it = names == name
        table[rows[is_it], columns[is_it] - 1] = values[is_it]
        quantities[name] = table
    return steps, losses, quantities
