"""The memory at the peak of a training with Adam: a stack beside as many models of plain torch.

Each program trains in a process of its own; the peak is that of its resident memory beyond what
was there before the networks were made. It is told as a multiple of the parameters, of which Adam
needs four copies and early stopping a fifth, after a batch is taken off: for a stack that of all
its networks, for torch, which trains one model after the other, that of one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from statistics import median

from side_by_side import OURS, one_thread, options, spread, write

MIB = 1 << 20


def peak_of(program: str, work: str) -> int:
    """The bytes that a program needs, measured in a process of its own."""
    arguments = [sys.executable, __file__, "--program", program, "--work", work]
    done = subprocess.run(arguments, check=True, stdout=subprocess.PIPE, text=True)
    return int(json.loads(done.stdout))


if __name__ == "__main__":
    parser = options(__doc__, rounds=3)
    parser.add_argument("--program", help="measure this one in this process, once")
    parser.add_argument("--work", help="at this work")
    given = parser.parse_args()
    one_thread()
    from peers.peaks import PROGRAMS, Work, peak_here

    works = {
        "8 networks 784-1024-1024-10, batch 10": Work(8, (784, 1024, 1024, 10), 10),
        "20 networks 784-256-256-10, batch 100": Work(20, (784, 256, 256, 10), 100),
        "the same, and the best weights so far": Work(20, (784, 256, 256, 10), 100, True),
        "1,000 networks 784-32-32-10, batch 32": Work(1_000, (784, 32, 32, 10), 32),
    }
    if given.program:
        print(peak_here(given.program, works[given.work]))
        sys.exit()
    for name, work in works.items():
        sizes = f"{work.parameters / MIB:.0f} MiB, a batch {work.of_batch / MIB:.0f} MiB"
        print(f"{name}: parameters {sizes}")
        peaks: dict[str, list[int]] = {program: [] for program in PROGRAMS}
        for _ in range(1 if given.quick else given.rounds):
            for program, found in peaks.items():
                found.append(peak_of(program, name))
        for program, found in peaks.items():
            least, middle, most = spread([peak / MIB for peak in found])
            of_batch = work.of_batch if program == OURS else work.of_batch / work.runs
            times = (median(found) - of_batch) / work.parameters
            line = f"  {program:14}{f'{middle:.0f} MiB ({least:.0f}-{most:.0f})':22}"
            print(f"{line}{times:.2f} times the parameters")
        if given.json is not None:
            bytes_of = {"parameters": work.parameters, "batch": work.of_batch}
            write(given.json, {"claim": f"memory, {name}", "peaks": peaks, **bytes_of})
