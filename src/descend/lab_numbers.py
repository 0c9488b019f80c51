"""The number that an expectation is about, read from a trained run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars

    from descend.comparison.expected import ExpectedVerdict
    from descend.expectations import Expectation
    from descend.runs.run import Run


@dataclass(frozen=True)
class Traced:
    """The measurements of one network among those of its stack."""

    trace: polars.DataFrame

    @classmethod
    def of(cls, table: polars.DataFrame, run: int) -> Traced:
        """Those of the network at a place in the stack."""
        import polars

        return cls(table.filter(table["run"] == run).with_columns(run=polars.lit(0)))


COMBINE: dict[str, Callable[[list[float]], float]] = {"mean": fmean, "min": min, "max": max}


def number_of(
    expectation: Expectation, run: Run, data_dir: Path | str | None = None
) -> float | None:
    """The number that an expectation is about, None where the run does not have it."""
    if expectation.gradient:
        from descend.gradient_check import gradient_error

        return gradient_error(run, data_dir)
    if expectation.output_for is not None:
        outputs = run.predict([list(expectation.output_for)]).outputs
        return float(outputs[0, expectation.output])
    if expectation.quantity is not None:
        return measurement(expectation, run)
    if expectation.pretraining is not None:
        return _pretraining(expectation, run)
    return _metric(expectation, run, data_dir)


def _metric(expectation: Expectation, run: Run, data_dir: Path | str | None) -> float | None:
    networks = range(len(run.results) if expectation.is_about_seeds else 1)
    values = [_metric_of(expectation, run, place, data_dir) for place in networks]
    if expectation.over_seeds is not None:
        known = [value for value in values if value is not None]
        return COMBINE[expectation.over_seeds](known) if known else None
    if expectation.is_about_seeds:
        return sum(_is_beyond(expectation, value) for value in values) / len(values)
    return values[0]


def _metric_of(
    expectation: Expectation, run: Run, place: int, data_dir: Path | str | None
) -> float | None:
    name = str(expectation.metric)
    if expectation.first_epoch:
        history = _history(run, name, place).items()
        return next((epoch for epoch, value in history if _is_beyond(expectation, value)), None)
    if expectation.first or expectation.inputs_times:
        return _scored(expectation, run, place, data_dir)
    if expectation.epoch is not None:
        return _at_epoch(run, name, expectation.epoch, place)
    final: float | None = run.results[place]["metrics"].get(name)
    return final


def _is_beyond(expectation: Expectation, value: float | None) -> bool:
    if value is None or math.isnan(value):
        return False
    low = -math.inf if expectation.when_at_least is None else expectation.when_at_least
    high = math.inf if expectation.when_at_most is None else expectation.when_at_most
    return low <= value <= high


def _history(run: Run, metric: str, place: int) -> dict[int, float]:
    """A metric of one network by epoch."""
    table = run.history_table
    if metric not in table.columns:
        return {}
    rows = table.filter(table["run"] == place).select("epoch", metric).drop_nulls()
    return dict(rows.iter_rows())


def _at_epoch(run: Run, metric: str, epoch: int, place: int) -> float | None:
    history = _history(run, metric, place)
    return history.get(epoch) if epoch > 0 else history.get(max(history, default=0))


def _scored(
    expectation: Expectation, run: Run, place: int, data_dir: Path | str | None
) -> float | None:
    import torch

    from descend.data.sources import load

    split_name, _, metric = str(expectation.metric).partition("/")
    split = load(run.recipe.data, data_dir).split(split_name)
    if expectation.first:
        split = split.rows(torch.arange(min(expectation.first, len(split))))
    if expectation.inputs_times:
        split = replace(split, x=split.x.float() * expectation.inputs_times)
    return run.evaluate(split, run=place).get(metric)


def measurement(expectation: Expectation | ExpectedVerdict, run: Run | Traced) -> float | None:
    """A measurement of the first network, None where the trace does not have it."""
    found = _at_layer(expectation, run, expectation.layer)
    if expectation.over_layer is None or found is None:
        return found
    below = _at_layer(expectation, run, expectation.over_layer)
    return found / below if below else None


def _at_layer(
    expectation: Expectation | ExpectedVerdict, run: Run | Traced, layer: int
) -> float | None:
    name = str(expectation.quantity)
    if layer < 0:
        layer += max(run.trace["layer"]) + 1
    values = _drift(run, layer) if name == "drift" else _series(run, name, layer)
    if not values:
        return None
    if expectation.step == "largest":
        return max(values.values())
    step = max(values) if expectation.step == -1 else int(expectation.step)
    return values.get(step)


def _series(run: Run | Traced, quantity: str, layer: int) -> dict[int, float]:
    """A measurement of the first network at one layer, by step."""
    trace = run.trace
    rows = trace.filter(
        (trace["run"] == 0) & (trace["layer"] == layer) & (trace["quantity"] == quantity)
    )
    return dict(rows.select("step", "value").iter_rows())


def _drift(run: Run | Traced, layer: int) -> dict[int, float]:
    mean, spread = (_series(run, f"activation_{name}", layer) for name in ("mean", "std"))
    if not mean or not spread[min(spread)]:
        return {}
    start = min(mean)
    return {step: abs(value - mean[start]) / spread[start] for step, value in mean.items()}


def _pretraining(expectation: Expectation, run: Run) -> float | None:
    import polars

    from descend.runs.folder import RunFolder

    if run.folder is None or not (path := RunFolder(run.folder).pretraining).is_file():
        return None
    table = polars.read_parquet(path)
    rows = table.filter(
        (table["run"] == 0)
        & (table["layer"] == expectation.layer)
        & (table["quantity"] == expectation.pretraining)
    )
    by_epoch = dict(rows.select("epoch", "value").iter_rows())
    epoch = expectation.epoch
    return by_epoch.get(max(by_epoch, default=0) if epoch in (None, -1) else epoch)
