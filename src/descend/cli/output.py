"""What goes to stdout and to stderr; the reader of a pipe may leave at any time."""

from __future__ import annotations

import codecs
import json
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import click

# In place of what a terminal without UTF-8 cannot show.
PLAIN = {"±": "+-", "×": "x", "·": "-", "…": "...", "—": "-", "–": "-", "−": "-", "█": "#"}


def adapt_to_encoding() -> None:
    """Let both streams write anything, in ASCII where their encoding has no sign for it.

    A stream that was closed before the start (`>&-`) is one that nobody reads.
    """
    codecs.register_error("plain", _in_ascii)
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # open until the end, as any stream is
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="plain")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    return "".join(PLAIN.get(sign, "?") for sign in text), error.end


def put(text: str = "") -> None:
    """Write a line to stdout."""
    _write(text + "\n")


def put_json(document: Any, indent: int | None = None) -> None:
    """Write one document in strict JSON to stdout; what is not finite becomes null."""
    is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
    try:
        text = json.dumps(document, allow_nan=False, indent=indent, ensure_ascii=not is_utf8)
    except ValueError:  # the only document that json refuses holds NaN or infinity
        from descend.runs.files import to_json

        return put_json(json.loads(to_json(document)), indent)
    return put(text)


def put_table(header: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> None:
    """Write rows under a header to stdout; `align` has `<` or `>` for each column."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    head, *lines = (
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)
        )
        for row in (header, *rows)
    )
    if any(header):
        put(styled(head.rstrip(), bold=True))
    for line in lines:
        put(line.rstrip())


def styled(text: str, **style: Any) -> str:
    """`text` in a style of `click.style` where stdout shows styles; it reads as well without."""
    is_plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return text if is_plain or not sys.stdout.isatty() else click.style(text, **style)


def say(text: str, quiet: bool = False) -> None:
    """Write a line to stderr, unless nobody wants to hear it."""
    if not quiet:
        write_to(sys.stderr, text + "\n")


def write_to(stream: TextIO, text: str) -> None:
    """Write talk; a reader that has left is no reason to stop a training."""
    try:
        stream.write(text)
        stream.flush()
    except OSError:
        _discard(stream)


def tell_of_downloads(quiet: bool) -> None:
    """Let the library say on stderr what it downloads."""
    log = logging.getLogger("descend")
    if quiet or log.handlers:
        return
    handler = _Saying()
    handler.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False


class _Saying(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


def close_stdout() -> None:
    """Write what is still in the buffer; a reader that has had enough is no error."""
    _write("")


def _write(text: str) -> None:
    try:
        sys.stdout.write(text)
        if not text:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout)
        raise click.exceptions.Exit(0) from None


def _discard(stream: TextIO) -> None:
    """Send what else is written nowhere: Python would complain about its buffer at the end."""
    try:
        number = stream.fileno()
    except (OSError, ValueError):
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)
