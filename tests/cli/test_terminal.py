"""On a terminal: a bar that fits, styles that can be switched off, signs that it can show."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import TextIO
from unittest.mock import patch

import pytest

from descend.cli import progress
from tests.cli.command import Descend

pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")

OnATerminal = Callable[..., str]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def on_a_terminal(descend: Descend, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What a command writes to a terminal of a width, with its escapes."""
    monkeypatch.delenv("NO_COLOR", raising=False)

    def run(columns: int, *arguments: str, **environment: str) -> str:
        for name, value in {"TERM": "xterm-256color", **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("COLUMNS", str(columns))
        main, terminal = pty.openpty()
        written: list[bytes] = []
        reader = threading.Thread(target=read_all, args=(main, written))
        reader.start()
        with os.fdopen(terminal, "w", encoding="utf-8") as stream:
            code = call(stream, stream, *arguments)
        reader.join(timeout=30)
        assert code == 0, written
        return b"".join(written).decode()

    return run


def read_all(terminal: int, written: list[bytes]) -> None:
    """Read until nobody writes any more."""
    with contextlib.suppress(OSError):  # Linux's way to say that the other end is closed
        while chunk := os.read(terminal, 65536):
            written.append(chunk)
    os.close(terminal)


def call(out: TextIO, err: TextIO, *arguments: str) -> int:
    """`descend ARGUMENTS…` in this process with these streams; its exit code."""
    from descend.cli import main

    with (
        patch.object(sys, "argv", ["descend", *arguments]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    return int(end.value.code or 0)


TRAIN = ("train", "digits", "--epochs", "40")


def pictures(written: str) -> list[str]:
    """The texts that stood on the line of the bar, one after the other."""
    return [
        ESCAPES.sub("", part).rstrip()
        for line in written.split("\n")
        for part in re.split(r"\r|\x1b\[2K", line)
        if "epoch " in part
    ]


def test_the_bar_fits_and_is_gone_at_the_end(on_a_terminal: OnATerminal) -> None:
    """80 columns hold epoch, loss, metric, rate and time left; then the result stands alone."""
    written = on_a_terminal(80, *TRAIN)
    shown = pictures(written)
    assert shown, written
    assert max(map(len, shown)) <= 80
    assert any("steps/s" in one and " left" in one and "accuracy" in one for one in shown)
    after = ESCAPES.sub("", written.split("digits · ")[-1])
    assert "epoch " not in after.replace("epochs", "")
    assert "━" not in after


MACHINES = 'network.init={name = "rbm", epochs = 3}'


def test_the_bar_shows_how_far_machines_are(on_a_terminal: OnATerminal) -> None:
    """Before the first step it counts the machines and their epochs."""
    shown = pictures(on_a_terminal(80, *TRAIN, "--set", MACHINES))
    assert " machine 1 of 2 · epoch 1 of 3 · reconstruction error 0." in shown[0]
    assert any("steps/s" in one for one in shown)
    assert max(map(len, shown)) <= 80
    shown = pictures(on_a_terminal(40, *TRAIN, "--set", MACHINES))
    assert shown[0].endswith(" machine 1 of 2 · epoch 1 of 3")
    assert max(map(len, shown)) <= 40


def test_lines_say_how_far_machines_are(descend: Descend, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on a terminal as well."""
    monkeypatch.setattr(progress, "Lines", partial(progress.Lines, every=0.0))
    said = descend(*TRAIN, "--set", MACHINES).err.splitlines()
    assert said[0].startswith("machine 1 of 2 · epoch 1 of 3 · reconstruction error 0.")
    assert said[5].startswith("machine 2 of 2 · epoch 3 of 3 · ")
    assert " of 40 · loss " in said[6]


def test_a_narrow_terminal_gets_less(on_a_terminal: OnATerminal) -> None:
    """At 40 columns the least important parts are left out, and no line wraps."""
    shown = pictures(on_a_terminal(40, *TRAIN))
    assert max(map(len, shown)) <= 40
    assert all("loss" in one for one in shown)


def test_no_color_switches_colours_off(on_a_terminal: OnATerminal) -> None:
    """With NO_COLOR no escape sets a colour; a dumb terminal gets plain lines."""
    colour = re.compile(r"\x1b\[[0-9;]*(3[0-7]|38;5;\d+|9[0-7])m")
    assert colour.search(on_a_terminal(80, *TRAIN))
    assert not colour.search(on_a_terminal(80, *TRAIN, NO_COLOR="1"))
    assert "\x1b" not in on_a_terminal(80, "lab", "gates", "--epochs", "5", TERM="dumb")


def test_verdicts_have_colours_on_a_terminal_only(on_a_terminal: OnATerminal) -> None:
    """`ok` is green there; the word stands everywhere."""
    assert "\x1b[32mok\x1b[0m" in on_a_terminal(80, "lab", "xor-backprop", "--epochs", "2", "-q")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_our_signs_is_no_error(descend: Descend, encoding: str) -> None:
    """·, …, × and █ have stand-ins."""
    for arguments in (["train", "xor", "--epochs", "3"], ["lab", "gates", "--epochs", "3"]):
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for _ in range(2))
        assert call(out, err, *arguments) == 0
        text = out.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
        assert "run: runs" in text
        assert "?" not in text


def test_a_document_escapes_what_an_encoding_cannot_hold(descend: Descend) -> None:
    """JSON stays whole where stdout is ASCII."""
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="ascii") for _ in range(2))
    assert call(out, err, "labs", "--json") == 0
    out.flush()
    ascii_document = json.loads(out.buffer.getvalue())  # type: ignore[attr-defined]
    assert ascii_document == descend("labs", "--json").document


def test_the_locale_c_is_no_error(descend: Descend) -> None:
    """A process in LC_ALL=C with ASCII streams ends well."""
    done = subprocess.run(
        [sys.executable, "-m", "descend", "train", "xor", "--epochs", "3"],
        capture_output=True,
        env=os.environ | {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert b"xor - 2-32-32-1 relu - adam lr 0.001" in done.stdout


def test_a_stream_that_was_closed_before_the_start_is_read_by_nobody() -> None:
    """As the shell's `>&-` closes it."""
    again = [sys.executable, "-m", "descend", "labs"]
    program = f"import os; os.close(1); os.execv({again[0]!r}, {again!r})"
    done = subprocess.run([sys.executable, "-c", program], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")
