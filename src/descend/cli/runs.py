"""`descend runs`: list the runs and comparisons below a folder."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from descend.cli import options
from descend.cli.output import put_json, say
from descend.cli.tables import put_fitting

if TYPE_CHECKING:
    from descend.runs.listing import Listed

DEFAULT = "runs"
WIDTHS = {"result": 22, "run": 43}  # a metric with its value, a date with a name


@click.command("runs")
@click.argument("folder", metavar="[DIR]", default=DEFAULT)
@options.as_json
@options.quiet
def command(folder: str, as_json: bool, quiet: bool) -> int:
    """List the runs and comparisons below a folder, newest first.

    DIR is ./runs if it is not given. `descend resume RUN` continues an interrupted run, and an
    unfinished one, whose process has ended before the training had. A folder that cannot be read
    is listed as broken. A name that is longer than the terminal is wide lacks its middle: --json,
    and what goes to a file, has it whole.

    \b
    descend runs
    descend runs /tmp/runs --json
    """
    from descend.runs.listing import list_runs

    is_new = folder == DEFAULT and not Path(folder).exists()
    listed = [] if is_new else list_runs(folder)
    if as_json:
        put_json([run.to_json() for run in listed])
    elif not listed:
        say(f"no runs below {folder}; `descend train` makes some", quiet)
    else:
        now = datetime.now().astimezone()
        header = ["run", "status", "seeds", "epochs", "result", "age"]
        rows = [row_of(run, now) for run in listed]
        put_fitting(header, rows, "<<>><>", WIDTHS, leave_out=["age", "epochs", "seeds"])
    return 0


def row_of(run: Listed, now: datetime) -> list[str]:
    """What a list shows of a run; its folder is what other commands want."""
    seeds = "" if not run.seeds else str(run.seeds[0])
    if len(run.seeds) > 1:
        seeds = f"{len(run.seeds)} from {seeds}"
    result = run.reason or ""
    if not result and run.metric is not None and run.value is not None:
        result = f"{run.metric} {run.value:.4g}"
    if run.variants is not None:
        result = f"{run.variants} variants" + (f", best {result}" if result else "")
    epochs = "" if run.epochs is None else f"{run.epochs:,}"
    age = "" if run.created is None else age_of((now - run.created).total_seconds())
    return [str(run.folder), run.status, seeds, epochs, result, age]


def age_of(seconds: float) -> str:
    """`12 s`, `5 min`, `3 h`, `12 days`."""
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
