"""The command line called in this process, where torch is loaded already."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest


@dataclass(frozen=True)
class Told:
    """What a command ended with and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one document on stdout, read strictly."""
        return json.loads(self.out, parse_constant=pytest.fail)

    @property
    def folder(self) -> Path:
        """The run that the last line on stdout names."""
        last = self.out.splitlines()[-1]
        assert last.startswith("run: ")
        return Path(last.removeprefix("run: "))


Descend = Callable[..., Told]


def descend_here(*arguments: object, stdin: str = "") -> Told:
    """`descend ARGUMENTS…`, with streams that are no terminal."""
    from descend.cli import main

    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
    with (
        patch.object(sys, "argv", ["descend", *map(str, arguments)]),
        patch.object(sys, "stdin", io.StringIO(stdin)),
        redirect_stdout(out),
        redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    return Told(int(end.value.code or 0), *texts)


def assert_fails(told: Told, message: str, hint: str | None = None) -> None:
    """One sentence and a hint on stderr, exit 1, nothing on stdout."""
    assert told.code == 1, told
    assert told.out == ""
    lines = [line for line in told.err.splitlines() if not line.startswith("downloading ")]
    first, *others = lines
    assert first.startswith("error: ")
    assert message in first
    assert "Traceback" not in told.err
    assert "descend itself has failed" not in told.err
    if hint is not None:
        assert any(line.startswith("hint: ") and hint in line for line in others), told.err
