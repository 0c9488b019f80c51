"""`descend lab`: run an experiment and show its result beside the expected one."""

from __future__ import annotations

import shutil
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Any

import click

from descend.cli import INTERRUPTED, options
from descend.cli.output import put, put_json, put_table, say, styled, tell_of_downloads

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
        say(f"continue this variant alone with: descend resume {last.folder}")
        return INTERRUPTED
    if left := len(result.lab.variants) - len(result.runs):
        say(f"interrupted after {name}, which is {last.status}: {counted(left, 'variant')} left")
        return INTERRUPTED
    if as_json:
        return 0
    if len(result.runs) == 1:
        put(summary(last))
        put()
        put_networks(last.results)
    else:
        put_variants(result.runs)
    put()
    for line in check_lines(result.checks, has_variants=len(result.runs) > 1):
        put(line)
    for line in reasons(result.checks):
        put(line)
    put()
    put(f"{verdict(result.checks)} ({duration(result.seconds)})")
    for run in result.runs.values():
        if run.folder is not None:
            put(f"run: {run.folder}")
    return 0


def put_variants(runs: Mapping[str, Run]) -> None:
    """A row for each variant; of several networks their mean."""
    from descend.cli.outcome import number, shown_of

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
    put_table(header, rows, "<" + ">" * (len(header) - 2) + "<")


def mean_of(metrics: Sequence[Mapping[str, Any]], name: str) -> float | None:
    """The mean of a metric over networks, None where no network has it."""
    values = [one[name] for one in metrics if one.get(name) is not None]
    return fmean(values) if values else None


def check_lines(checks: Sequence[Check], has_variants: bool) -> list[str]:
    """Each expectation beside what was found, wrapped so that a terminal breaks no line."""
    rows = [("", "found", "expected", "")]
    for check in checks:
        found = "none" if check.found is None else f"{check.found:.7g}"
        rows.append((VERDICTS[check.met], found, check.expected, claim(check, has_variants)))
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    indent = " " * (sum(widths) + 6)
    room = max(columns(), len(indent) + 24)
    lines = []
    for row in rows:
        cells = "".join(f"{cell:{width}}  " for cell, width in zip(row, widths, strict=False))
        first, *others = textwrap.wrap(row[3], room - len(indent)) or [""]
        lines.append(coloured(f"{cells}{first}".rstrip()))
        lines += [indent + line for line in others]
    return [styled(lines[0], bold=True), *lines[1:]]


def claim(check: Check, has_variants: bool) -> str:
    """What an expectation is about and where it comes from."""
    needs_variant = has_variants and check.variant.lower() not in check.what.lower()
    return f"{f'{check.variant}: ' if needs_variant else ''}{check.what} ({check.source})"


NOT_COMPARABLE = "-"
VERDICTS = {True: "ok", False: "differs", None: NOT_COMPARABLE}
COLOURS = {"ok": "green", "differs": "red"}


def coloured(line: str) -> str:
    """A line with its verdict, if it begins with one, in that verdict's colour."""
    for word, colour in COLOURS.items():
        if line.startswith(f"{word} "):
            return styled(word, fg=colour) + line.removeprefix(word)
    return line


def reasons(checks: Sequence[Check]) -> list[str]:
    """Why some expectations were not judged, a line for each reason."""
    counts = Counter(check.why_not for check in checks if check.met is None)
    return [f"{NOT_COMPARABLE} {count} not comparable: {why}" for why, count in counts.items()]


def verdict(checks: Sequence[Check]) -> str:
    """How many expectations were met, in a sentence."""
    judged = [check for check in checks if check.met is not None]
    differing = sum(check.met is False for check in judged)
    if not judged:
        return "no result can be compared with the expected one"
    if differing:
        return f"{differing} of {len(judged)} results differ from the expected ones"
    return f"{len(judged)} of {len(judged)} results are as expected"


def wrapped(text: str) -> str:
    """Paragraphs, each wrapped to the terminal."""
    paragraphs = (" ".join(part.split()) for part in text.strip().split("\n\n"))
    return "\n\n".join(textwrap.fill(paragraph, columns()) for paragraph in paragraphs)


def columns() -> int:
    """The width of texts: that of the terminal, 80 at most."""
    return max(20, min(shutil.get_terminal_size().columns, 80))
