"""`import descend` and `descend --help` take less than a tenth of the time of `import torch`.

Each program runs in a process of its own; its time is that from the start of the process to its
end, with everything in the disk's cache.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from statistics import median
from time import perf_counter

from side_by_side import ROOT, options, spread, write

IMPORTED = ("numpy", "torch", "jax", "keras")  # those that are installed
OURS = {
    "import descend": ["-c", "import descend"],
    "descend --help": ["-m", "descend", "--help"],
    "descend train --help": ["-m", "descend", "train", "--help"],
    "descend labs": ["-m", "descend", "labs"],
}
GOALS = {"import descend": 0.1, "descend --help": 0.1}  # of the time of `import torch`, at most
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "KERAS_BACKEND": "torch"}
if find_spec("jax") is not None:
    ENVIRONMENT["KERAS_BACKEND"] = "jax"


def programs() -> dict[str, list[str]]:
    """What is started, as arguments of Python."""
    imports = {f"import {name}": ["-c", f"import {name}"] for name in IMPORTED if find_spec(name)}
    return {"python -c pass": ["-c", "pass"], **OURS, **imports}


def seconds(arguments: list[str]) -> float:
    """The life of one process."""
    begin = perf_counter()
    subprocess.run(
        [sys.executable, *arguments], env=ENVIRONMENT, check=True, stdout=subprocess.DEVNULL
    )
    return perf_counter() - begin


if __name__ == "__main__":
    given = options(__doc__, rounds=15).parse_args()
    started = programs()
    taken: dict[str, list[float]] = {name: [] for name in started}
    for number in range((3 if given.quick else given.rounds) + 1):
        for name, arguments in started.items():
            took = seconds(arguments)
            if number:
                taken[name].append(took)
    print(f"{'program':24}{'median (range)':26}of `import torch`")
    for name, each in taken.items():
        least, middle, most = (1000 * value for value in spread(each))
        share = median(a / b for a, b in zip(each, taken["import torch"], strict=True))
        line = f"{name:24}{f'{middle:.0f} ms ({least:.0f}-{most:.0f})':26}{share:.3f}"
        if name in GOALS:
            verdict = "met" if share <= GOALS[name] else "MISSED"
            line += f"  goal {GOALS[name]}: {verdict}"
        print(line)
    if given.json is not None:
        write(given.json, {"claim": "start-up", "seconds": taken, "goals": GOALS})
