"""`descend lab`: run an experiment and show its result beside the expected one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from descend.cli import INTERRUPTED, options
from descend.cli.alarms import put_alarms_of
from descend.cli.checks import put_checks, summed_up
from descend.cli.output import put, put_json, say, styled, tell_of_downloads
from descend.cli.tables import WIDE, put_fitting
from descend.cli.texts import put_wrapped, wrapped
from descend.runs.commands import command_for

if TYPE_CHECKING:
    from descend.cli.progress import Teller
    from descend.expectations import Check
    from descend.laboratory import Lab, LabResult
    from descend.runs.run import Run
    from descend.training.training import Progress


@click.command("lab")
@click.argument("name", metavar="NAME")
@options.epochs
@click.option("--data", "source", metavar="SOURCE", help="Other data, such as digits for mnist.")
@options.edits
@options.seed
@options.seeds
@options.out
@options.data_dir
@options.device
@options.threads
@options.as_json
@options.quiet
def command(
    name: str,
    epochs: int | None,
    source: str | None,
    edits: tuple[str, ...],
    seed: int | None,
    seeds: int | None,
    out: str,
    data_dir: str | None,
    device: str,
    threads: int | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run one experiment and show its result beside the expected one.

    NAME is one of `descend labs`. Every variant of the experiment is trained; options change all of
    them. A result that a change has made incomparable is shown and not judged.

    \b
    descend lab xor-nn
    descend lab mnist-nn-xavier --data digits --epochs 3
    descend lab xor-nn --seeds 100

    The exit code is 0 also where a result differs from the expected one: the table says so, and
    --json has `is_as_expected`.
    """
    from descend.api import train
    from descend.cli.progress import telling
    from descend.laboratory import find_lab
    from descend.recipe.edits import parse_edit

    tell_of_downloads(quiet)
    changes = dict(parse_edit(edit) for edit in edits)
    lab = find_lab(name)
    with telling(quiet) as teller:
        narrator = Narrator(lab, teller, as_json, quiet)
        result = lab.run(
            train,
            epochs=epochs,
            data_source=source,
            edits=changes,
            seed=seed,
            seeds=seeds,
            announce=narrator.announce,
            out=out,
            device=device,
            threads=threads,
            data_dir=data_dir,
            tell=narrator,
        )
    return show(result, as_json)


class Narrator:
    """Tells the story when the first steps are done: an impossible lab gives an error only."""

    def __init__(self, lab: Lab, teller: Teller | None, as_json: bool, quiet: bool) -> None:
        self.teller, self.quiet = teller, quiet
        self.untold = (
            "" if as_json else "\n".join([styled(lab.title, bold=True), wrapped(lab.story)])
        )
        self.variant = ""

    def announce(self, name: str, place: int, count: int) -> None:
        """The next variant is about to be trained."""
        self.variant = f"{place} of {count}: {name}" if count > 1 else ""

    def __call__(self, progress: Progress) -> None:
        if self.untold or self.variant:
            if self.teller is not None:
                self.teller.end()
            if self.untold:
                put(f"{self.untold}\n")
            if self.variant:
                say(self.variant, self.quiet)
            self.untold = self.variant = ""
        if self.teller is not None:
            self.teller(progress)


def show(result: LabResult, as_json: bool) -> int:
    """Print what a lab gave; returns the exit code."""
    from descend.cli.outcome import counted, duration, how_far, put_networks, summary

    if as_json:
        put_json(result.to_json())
    name, last = list(result.runs.items())[-1]
    if last.status == "interrupted":
        say(f"interrupted {how_far(last)} of {name}")
        say(f"continue this variant alone with: {command_for('resume', str(last.folder))}")
        return INTERRUPTED
    if left := len(result.lab.variants) - len(result.runs):
        say(f"interrupted after {name}, which is {last.status}: {counted(left, 'variant')} left")
        return INTERRUPTED
    if as_json:
        return 0
    if len(result.runs) == 1:
        put_wrapped(summary(last))
        put()
        put_networks(last.results)
    else:
        put_variants(result.runs)
    put()
    has_variants = len(result.runs) > 1
    rows = [
        (
            check.met,
            "none" if check.found is None else f"{check.found:.7g}",
            check.expected,
            claim(check, has_variants),
        )
        for check in result.checks
    ]
    put_checks(rows, [check.why_not for check in result.checks])
    put()
    put(f"{summed_up([check.met for check in result.checks])} ({duration(result.seconds)})")
    put_alarms_of(result.runs)
    for run in result.runs.values():
        if run.folder is not None:
            put(f"run: {run.folder}")
    return 0


def put_variants(runs: Mapping[str, Run]) -> None:
    """A row for each variant; of several networks their mean."""
    from descend.cli.outcome import less_important, number, shown_of

    names = list(dict.fromkeys(name for run in runs.values() for name in shown_of(run.metrics)))
    has_networks = any(len(run.results) > 1 for run in runs.values())
    rows = []
    for variant, run in runs.items():
        alive = [one["metrics"] for one in run.results if one["status"] != "diverged"]
        count = f"{len(alive)} of {len(run.results)}" if has_networks else ""
        cells = [number(name, mean_of(alive, name)) for name in names]
        status = "" if run.status == "finished" else run.status
        rows.append([variant, *([count] if has_networks else []), *cells, status])
    header = ["variant", *(["mean of"] if has_networks else []), *names, ""]
    align = "<" + ">" * (len(header) - 2) + "<"
    put_fitting(header, rows, align, {"variant": WIDE}, ["mean of", *less_important(names)])


def mean_of(metrics: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The mean of a metric over networks, None where no network has it."""
    values = [one[name] for one in metrics if one.get(name) is not None]
    return fmean(values) if values else None


def claim(check: Check, has_variants: bool) -> str:
    """What an expectation is about and where it comes from."""
    needs_variant = has_variants and check.variant.lower() not in check.what.lower()
    return f"{f'{check.variant}: ' if needs_variant else ''}{check.what} ({check.source})"
