"""How findings are shown: code, name, place and evidence; cause; remedies; what follows."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from descend.cli.outcome import counted
from descend.cli.output import put, styled
from descend.cli.texts import columns

if TYPE_CHECKING:
    from descend.diagnosis.examination import Examination
    from descend.findings.finding import Finding, Remedy

FOUND = 2  # the exit code of a check or a diagnosis that has found something
COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
LABEL = 10  # columns before a finding's cause and remedies


def put_examination(examination: Examination) -> int:
    """Print what was found, or that nothing was; returns the exit code."""
    for finding in examination.findings:
        for line in lines_of(finding):
            put(line)
        put()
    ran = counted(len(examination.ran), "check")
    silent = f", {len(examination.silent)} could not look" if examination.silent else ""
    count = counted(len(examination.findings), "finding")
    put(f"{'healthy: ' if examination.is_healthy else ''}{ran}, {count}{silent}")
    return 0 if examination.is_healthy else FOUND


def lines_of(finding: Finding) -> Iterator[str]:
    """The lines of one finding, each as wide as the terminal at most."""
    where = [str(finding.place)] if finding.place else []
    since = [f"since step {finding.since:,}"] if finding.since else []
    head = f"{finding.code} {finding.name}"
    evidence = " · ".join([*where, *since, finding.evidence])
    first, *others = textwrap.wrap(f"{head}   {evidence}", columns(100), subsequent_indent="  ")
    yield first.replace(head, styled(head, fg=COLOURS[str(finding.severity)], bold=True), 1)
    yield from others
    yield from _labelled(str(finding.severity), finding.cause)
    if finding.healthy:
        yield from _labelled("healthy", finding.healthy)
    for remedy in finding.remedies:
        yield from _labelled("remedy", spelled_remedy(remedy))
    for one in finding.consequences:
        place = f" ({one.place})" if one.place else ""
        yield from _labelled("so also", f"{one.code} {one.name}{place}: {one.evidence}")


def spelled_remedy(remedy: Remedy) -> str:
    """A remedy as the lines of a recipe that it changes, or as what to write in a loop."""
    from descend.recipe.complaints import spelled

    edits = remedy.write or ", ".join(
        f"{field} = {spelled(value)}" if value is not None else f"{field} left open"
        for field, value in remedy.edits.items()
    )
    return f"{edits}   {remedy.why}" if remedy.why else edits


def _labelled(label: str, text: str) -> Sequence[str]:
    return textwrap.wrap(
        text,
        columns(100),
        initial_indent=f"  {label:{LABEL - 2}}",
        subsequent_indent=" " * LABEL,
    )
