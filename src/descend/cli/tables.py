"""Tables that fit the terminal: names lose their middle, columns are left out, numbers stay."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence

from descend.cli.output import put_table
from descend.cli.texts import shortened

NARROW = 18  # columns that a name keeps whatever the terminal
WIDE = 30  # columns of a name that matter more than a column that may be left out
UNBOUNDED = 10_000  # a file or a pipe holds lines of any length
NUMBER = re.compile(r"[-+]?[\d,]*\.?\d+(e[-+]?\d+)?%?")

Rows = Sequence[Sequence[str]]


def put_fitting(
    header: Sequence[str],
    rows: Rows,
    align: str,
    names: Mapping[str, int],
    leave_out: Sequence[str] = (),
) -> None:
    """As `put_table`, in as many columns as the terminal has; all of it where it is none.

    names: columns whose texts may lose their middle, the first of them first, and how wide each
    stays as long as anything else can be done; leave_out: the columns that may be missing, in the
    order in which they go.
    """
    sides = dict(zip(header, align, strict=True))
    table = {name: [row[place] for row in rows] for place, name in enumerate(header)}
    room = room_for_tables()
    for name in leave_out:
        if width_of(table, names) <= room:
            break
        table.pop(name, None)
    for least in (names, dict.fromkeys(names, NARROW)):
        for name, width in least.items():
            over = width_of(table) - room
            if over > 0:
                fitting = max(width, _width(name, table[name]) - over)
                table[name] = [shortened_to(cell, fitting) for cell in table[name]]
    align = "".join(sides[name] for name in table)
    put_table(list(table), list(zip(*table.values(), strict=True)), align)


def room_for_tables() -> int:
    """The width of the terminal; without one, as wide as need be."""
    return shutil.get_terminal_size((UNBOUNDED, 24)).columns


def width_of(table: Mapping[str, Sequence[str]], names: Mapping[str, int] | None = None) -> int:
    """The width of a table by column; names: of these, no more than so much is needed."""
    needed = names or {}
    widths = [
        min(_width(name, cells), max(len(name), needed.get(name, UNBOUNDED)))
        for name, cells in table.items()
    ]
    return sum(widths) + 2 * (len(widths) - 1)


def shortened_to(text: str, room: int) -> str:
    """A text with its middle left out, and the number in whole that it ends with."""
    first, _, last = text.rpartition(" ")
    if len(text) <= room or not NUMBER.fullmatch(last) or len(last) + 4 > room:
        return shortened(text, room)
    return f"{shortened(first, room - len(last) - 1)} {last}"


def _width(name: str, cells: Sequence[str]) -> int:
    return max(map(len, [name, *cells]))
