"""What the tests of comparisons share."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

Victim = Callable[..., int]


@pytest.fixture(scope="session")
def victim() -> Iterator[Victim]:
    """Does a job in a process of its own that may be killed; returns how it ended."""
    command = [sys.executable, "-m", "tests.comparison.victim"]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"

        def do(**job: Any) -> int:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(job, default=str) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield do
        process.stdin.close()
