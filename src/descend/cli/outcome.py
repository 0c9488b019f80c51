"""What is shown of a run that has ended: by `train`, `resume` and, for its scores, `evaluate`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from descend.cli import INTERRUPTED
from descend.cli.alarms import put_alarms
from descend.cli.output import put, put_json, say
from descend.cli.tables import NARROW, put_fitting
from descend.cli.texts import put_wrapped
from descend.runs.commands import command_for

if TYPE_CHECKING:
    from descend.runs.run import Run

MANY = 10  # networks: more are not shown one by one
STATISTICS: Mapping[str, Callable[[list[float]], float]] = {
    "mean": fmean,
    "sd": lambda values: stdev(values) if all(map(math.isfinite, values)) else math.nan,
    "lowest": min,
    "highest": max,
}


def show(run: Run, as_json: bool) -> int:
    """Print a run as trained, finished or not; returns the exit code."""
    if as_json:
        put_json(run.to_json())
    if run.status == "interrupted":
        say(f"interrupted {how_far(run)}; continue with: {command_for('resume', str(run.folder))}")
        return INTERRUPTED
    if not as_json:
        put_wrapped(summary(run))
        put()
        if run.status != "diverged":
            put_networks(run.results)
            put()
        put(ending(run))
        put_alarms(run)
        if run.folder is not None:
            put(f"run: {run.folder}")
    return 0


def summary(run: Run) -> str:
    """The experiment in a line: data, layers, optimizer, batch, seed."""
    blocks, training = run.stack.architectures[0], run.recipe.training
    widths = [blocks[0].fan_in, *(block.fan_out for block in blocks)]
    activations = dict.fromkeys(block.activation for block in blocks[:-1])
    batch = "full batch" if training.batch_size == "all" else f"batch {training.batch_size}"
    rate = "" if training.lr is None else f" lr {training.lr:g}"
    network = f"{'-'.join(str(width) for width in widths)} {' '.join(activations)}".rstrip()
    seeds = f"seed {run.seeds[0]}"
    if len(run.seeds) > 1:
        seeds = f"{len(run.seeds)} seeds from {run.seeds[0]}"
    return " · ".join(
        [run.recipe.data.source, network, f"{training.optimizer}{rate}", batch, seeds]
    )


def ending(run: Run) -> str:
    """How the training went, in a sentence."""
    took = f"in {duration(run.seconds)}"
    if len(run.results) == 1:
        (result,) = run.results
        epochs = counted(result["epochs"], "epoch")
        if result["status"] == "diverged":
            return f"diverged {place_of(run)}: the loss is no longer finite; {epochs} {took}"
        early = ", stopped early, with the best weights" if result["status"] != "finished" else ""
        return f"{epochs} {took}{early}"
    count = len(run.results)
    lost = sum(result["status"] == "diverged" for result in run.results)
    share = f"; {lost} of {count} diverged, their losses are no longer finite" if lost else ""
    return f"{count} networks {took}{share}"


def place_of(run: Run) -> str:
    """Where the only network of a run diverged."""
    epoch = run.results[0]["epochs"]
    step = None if run.folder is None else _facts(run).get("step")
    return f"in epoch {epoch:,}" if step is None else f"at step {step:,} (epoch {epoch:,})"


def how_far(run: Run) -> str:
    """Where a training was interrupted: after an epoch, or in the first."""
    done = max(result["epochs"] for result in run.results)
    total = run.recipe.training.epochs
    return f"after epoch {done:,} of {total:,}" if done else f"in the first of {total:,} epochs"


def put_scores(metrics: Mapping[str, float]) -> None:
    """A table of one network's metrics: a row for each split."""
    splits = list(dict.fromkeys(name.partition("/")[0] for name in metrics))
    columns = list(dict.fromkeys(name.partition("/")[2] for name in metrics))
    rows = [
        [split, *(number(column, metrics.get(f"{split}/{column}")) for column in columns)]
        for split in splits
    ]
    header = ["", *columns]
    put_fitting(header, rows, "<" + ">" * len(columns), {"": NARROW}, less_important(columns))


def put_networks(results: Sequence[Mapping[str, Any]]) -> None:
    """A table of the networks' metrics.

    One network has a row for each split; of several, each has a row where they are few, then come
    mean, sample standard deviation, lowest and highest of those that did not diverge.
    """
    if len(results) == 1:
        return put_scores(results[0]["metrics"])
    names = shown_of(results[0]["metrics"])
    rows = []
    if len(results) <= MANY:
        for result in results:
            cells = [number(name, result["metrics"].get(name)) for name in names]
            rows.append([str(result["seed"]), *cells, f"{result['epochs']:,}", result["status"]])
    alive = [result["metrics"] for result in results if result["status"] != "diverged"]
    if len(alive) > 1:
        columns = [[float(metrics[name]) for metrics in alive] for name in names]
        for label, statistic in STATISTICS.items():
            pairs = zip(names, columns, strict=True)
            cells = [number(name, statistic(values)) for name, values in pairs]
            rows.append([label, *cells, "", ""])
    is_listed = len(results) <= MANY
    if not rows:
        return
    header = ["seed" if is_listed else "", *names, *(["epochs", "status"] if is_listed else [])]
    rows = [row[: len(header)] for row in rows]
    align = "<" + ">" * len(names) + "><" * is_listed
    put_fitting(header, rows, align, {}, ["epochs", *less_important(names)])


def shown_of(metrics: Mapping[str, float]) -> list[str]:
    """The metrics of several networks that a table has room for: those on the last split."""
    last = list(metrics)[-1].partition("/")[0]
    kept = [name for name in metrics if name.startswith(f"{last}/")]
    return kept if last == "train" else ["train/loss", *kept]


def less_important(names: Sequence[str]) -> list[str]:
    """The metrics that a narrow table lacks, the first of them first.

    Every table keeps the last loss, and what decides over classes.
    """
    ends = ("mae", "rmse", "train/loss", "r2")
    losses = [name for name in names if name.endswith("loss")]
    return [name for end in ends for name in names if name.endswith(end) and [name] != losses[-1:]]


def number(name: str, value: float | None) -> str:
    """A metric: shares with four decimals, all else with four digits."""
    if value is None or math.isnan(value):
        return "nan" if value is not None else ""
    return f"{value:.4f}" if name.endswith("accuracy") else f"{value:.4g}"


def counted(count: int, noun: str) -> str:
    """`1 epoch`, `12 epochs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
    """`0.4 s`, `75 s`, `12 min`, `3.2 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _facts(run: Run) -> dict[str, Any]:
    from descend.runs.folder import RunFolder

    assert run.folder is not None
    return RunFolder(run.folder).read_facts()
