"""Labs as the tests run them: in memory, on one thread.

As a program this file runs labs in full and prints them as JSON. There no shape is checked, which
makes the 100,000 small steps of the XOR labs five times as fast.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from typing import Any

from descend.api import train
from descend.laboratory import LabResult, find_lab

CORNERS = [[0, 0], [0, 1], [1, 0], [1, 1]]

in_memory = partial(train, out=None, threads=1)


def run_lab(name: str, **changes: Any) -> LabResult:
    """The lab's result, nothing written."""
    return find_lab(name).run(in_memory, **changes)


def in_full(*names: str) -> dict[str, dict[str, Any]]:
    """Labs run in full in another process: losses and outputs of their first runs, their checks."""
    command = [sys.executable, __file__, *names]
    told = subprocess.run(command, capture_output=True, check=True, env=os.environ)
    documents: dict[str, dict[str, Any]] = json.loads(told.stdout)
    return documents


def _document(result: LabResult) -> dict[str, Any]:
    run = next(iter(result.runs.values()))
    is_gate = result.lab.recipe.data.source == "xor"
    return {
        "losses": [row["train/loss"] for row in run.history],
        "outputs": run.predict(CORNERS).outputs.flatten().tolist() if is_gate else None,
        "checks": [check.to_json() for check in result.checks],
    }


if __name__ == "__main__":
    print(json.dumps({name: _document(run_lab(name)) for name in sys.argv[1:]}))
