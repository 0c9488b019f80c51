"""Lines: how a finding is shown: code, name, place, evidence; cause; remedies; what follows."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence

from descend.findings.finding import Finding, Remedy
from descend.recipe.complaints import spelled

COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
LABEL = 10  # columns before a finding's cause and remedies
WIDTH = 100

Style = Callable[[str, str], str]  # of a text and a colour


def plain(text: str, colour: str) -> str:
    """The text without any colour."""
    return text


def lines_of(finding: Finding, width: int = WIDTH, style: Style = plain) -> Iterator[str]:
    """The lines of one finding, each `width` columns wide at most."""
    head = f"{finding.code} {finding.name}"
    first, *others = textwrap.wrap(
        f"{head}   {evidence_of(finding)}", width, subsequent_indent="  "
    )
    yield first.replace(head, style(head, COLOURS[str(finding.severity)]), 1)
    yield from others
    yield from _labelled(str(finding.severity), finding.cause, width)
    if finding.healthy:
        yield from _labelled("healthy", finding.healthy, width)
    for remedy in finding.remedies:
        yield from _labelled("remedy", spelled_remedy(remedy), width)
    for one in finding.consequences:
        place = f" ({one.place})" if one.place else ""
        yield from _labelled("so also", f"{one.code} {one.name}{place}: {one.evidence}", width)


def evidence_of(finding: Finding) -> str:
    """Where, since when, and what was measured."""
    where = [str(finding.place)] if finding.place else []
    since = [f"since step {finding.since:,}"] if finding.since else []
    return " · ".join([*where, *since, finding.evidence])


def spelled_remedy(remedy: Remedy) -> str:
    """A remedy as the lines of a recipe that it changes, or as what to write in a loop."""
    edits = remedy.write or ", ".join(
        f"{field} = {spelled(value)}" if value is not None else f"{field} left open"
        for field, value in remedy.edits.items()
    )
    return f"{edits}   {remedy.why}" if remedy.why else edits


def counted(count: int, noun: str) -> str:
    """`1 check`, `12 checks`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _labelled(label: str, text: str, width: int) -> Sequence[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=f"  {label:{LABEL - 2}}",
        subsequent_indent=" " * LABEL,
    )
