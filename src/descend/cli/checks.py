"""Expectations beside what was found, in a table that no terminal breaks."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence

from descend.cli.output import put, styled
from descend.cli.texts import columns

NOT_COMPARABLE = "-"
VERDICTS = {True: "ok", False: "differs", None: NOT_COMPARABLE}
COLOURS = {"ok": "green", "differs": "red"}

Row = tuple[bool | None, str, str, str]  # whether it is met, what was found, expected, and of what


def put_checks(rows: Sequence[Row], reasons: Sequence[str]) -> None:
    """The table; reasons: for each row, why it was not judged if it was not."""
    for line in check_lines(rows):
        put(line)
    counts = Counter(why for (met, *_), why in zip(rows, reasons, strict=True) if met is None)
    for why, count in counts.items():
        put(f"{NOT_COMPARABLE} {count} not comparable: {why}")


def check_lines(rows: Sequence[Row]) -> list[str]:
    """Each expectation beside what was found, its claim wrapped."""
    table = [("", "found", "expected", "")]
    table += [(VERDICTS[met], found, expected, claim) for met, found, expected, claim in rows]
    widths = [max(len(row[place]) for row in table) for place in range(3)]
    indent = " " * (sum(widths) + 6)
    room = max(columns(), len(indent) + 24)
    lines = []
    for row in table:
        cells = "".join(f"{cell:{width}}  " for cell, width in zip(row, widths, strict=False))
        first, *others = textwrap.wrap(row[3], room - len(indent)) or [""]
        lines.append(coloured(f"{cells}{first}".rstrip()))
        lines += [indent + line for line in others]
    return [styled(lines[0], bold=True), *lines[1:]]


def coloured(line: str) -> str:
    """A line with its verdict, if it begins with one, in that verdict's colour."""
    for word, colour in COLOURS.items():
        if line.startswith(f"{word} "):
            return styled(word, fg=colour) + line.removeprefix(word)
    return line


def summed_up(met: Sequence[bool | None]) -> str:
    """How many expectations were met, in a sentence."""
    judged = [one for one in met if one is not None]
    differing = sum(one is False for one in judged)
    if not judged:
        return "no result can be compared with the expected one"
    if differing:
        return f"{differing} of {len(judged)} results differ from the expected ones"
    return f"{len(judged)} of {len(judged)} results are as expected"
