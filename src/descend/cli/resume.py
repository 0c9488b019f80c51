"""`descend resume`: continue an interrupted run."""

from __future__ import annotations

import click

from descend.cli import options
from descend.cli.output import say, tell_of_downloads


@click.command("resume")
@click.argument("run", metavar="RUN")
@options.data_dir
@options.as_json
@options.quiet
def command(run: str, data_dir: str | None, as_json: bool, quiet: bool) -> int:
    """Continue an interrupted or killed run or comparison, bit for bit.

    RUN is the folder of a run or of a comparison; `descend runs` lists them. It ends with the
    weights, curves and measurements of one that was never interrupted. What is finished is shown as
    it is.

    \b
    descend resume runs/2026-01-31_120000_digits_1a2b
    """
    from descend.api import resume
    from descend.cli.outcome import show
    from descend.cli.progress import telling
    from descend.comparison.folder import is_comparison
    from descend.runs.folder import RunFolder

    if is_comparison(run):
        return resume_compared(run, data_dir, as_json, quiet)
    status = RunFolder.open(run).read_facts().get("status")
    if status in ("finished", "diverged"):
        say(f"this run is {status}: nothing is left to continue", quiet)
    tell_of_downloads(quiet)
    with telling(quiet) as tell:
        resumed = resume(run, data_dir=data_dir, tell=tell)
    return show(resumed, as_json)


def resume_compared(comparison: str, data_dir: str | None, as_json: bool, quiet: bool) -> int:
    """Continue a comparison and show it; returns the exit code."""
    from descend.api import load_comparison, resume_comparison
    from descend.cli.comparison import Narrator, show

    if load_comparison(comparison).status == "finished":
        say("this comparison is finished: nothing is left to continue", quiet)
    tell_of_downloads(quiet)
    with Narrator.telling(quiet) as narrator:
        resumed = resume_comparison(comparison, data_dir=data_dir, tell=narrator.tell)
    return show(resumed, as_json)
