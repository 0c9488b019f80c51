"""Texts that fit the terminal."""

from __future__ import annotations

import shutil
import textwrap

from descend.cli.output import put

DIGITS = "0123456789.-"


def columns(most: int = 80) -> int:
    """The width of texts: that of the terminal, `most` at most."""
    return max(20, min(shutil.get_terminal_size().columns, most))


def wrapped(text: str) -> str:
    """Paragraphs, each wrapped to the terminal."""
    paragraphs = (" ".join(part.split()) for part in text.strip().split("\n\n"))
    return "\n\n".join(textwrap.fill(paragraph, columns()) for paragraph in paragraphs)


def put_wrapped(text: str, indent: str = "") -> None:
    """A paragraph as wide as the terminal; below an indent its further lines stand deeper."""
    below = f"{indent}  " if indent else ""
    for line in textwrap.wrap(text, columns(100), initial_indent=indent, subsequent_indent=below):
        put(line)


def shortened(name: str, room: int) -> str:
    """A name with its middle left out where it is too long; a number is there whole or not."""
    if len(name) <= room:
        return name
    half = (room - 1) // 2
    end = len(name) - (room - 1 - half)
    while half and _is_within_number(name, half):
        half -= 1
    while end < len(name) and _is_within_number(name, end):
        end += 1
    return f"{name[:half]}…{name[end:]}"


def _is_within_number(text: str, place: int) -> bool:
    """Whether a cut before this place would leave a part of a number."""
    return text[place - 1] in DIGITS and text[place : place + 1] in [*DIGITS, ""]
