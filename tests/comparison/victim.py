"""A process whose children compare and are killed: torch is imported once for all of them.

Run as `python -m tests.comparison.victim` in the repository. It reads one job as JSON from each
line of stdin and writes how its child ended: {"out": folder} compares there, {"comparison": folder}
resumes; "options" are those of `descend.compare`.
{"hook": k} kills the child at the k-th moment around a write, {"signals": [s, …], "told": n} sends
it these signals when it is told of the n-th advance, {"full": n} lets its n-th write to a file
fail for want of space, {"room": n} lets memory suffice for stacks of n networks only.
"""

from __future__ import annotations

import errno
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any

import polars  # noqa: F401 - imported once for all children
import torch

import descend
from descend.comparison import plan
from descend.comparison.stacks import Advance
from descend.network.stack import Stack
from descend.runs.assignment import carry_out
from tests.runs.victim import kill_at
from tests.training.scenes import trained

TREE: dict[str, Any] = {
    "data": {"source": "moons", "examples": 40, "validation": 0, "test": 0.2},
    "network": {"hidden": [3], "batch_norm": "before", "dropout": 0.2},
    "training": {
        "optimizer": "adam",
        "batch_size": 8,
        "epochs": 16,
        "measure_every": 7,
        "schedule": "cosine",
    },
}
VARY = {"training.lr": [0.1, 0.01, 0.001, 1e30], "network.activation": ["tanh", "relu"]}
OPTIONS: dict[str, Any] = {"seeds": 2, "processes": 1, "halving": 2, "vary": VARY}


def work(job: dict[str, Any]) -> None:
    """What a child does."""
    if "hook" in job:
        kill_at(job["hook"])
    if "full" in job:
        fill_up_at(job["full"])
    if "room" in job:
        let_memory_suffice_for(job["room"])
    plan.WORTH_SPLITTING = 0.0
    assert carry_out.__kwdefaults__ is not None
    carry_out.__kwdefaults__["checkpoint_seconds"] = job.get("checkpoint_seconds", 0)
    count = 0

    def tell(number: int, rounds: int, stacks: Sequence[str]) -> Callable[[Advance], None]:
        def see(advance: Advance) -> None:
            nonlocal count
            count += 1
            if count == job.get("told"):
                for each in job["signals"]:
                    os.kill(os.getpid(), each)

        return see

    if "comparison" in job:
        comparison = descend.resume_comparison(job["comparison"], tell=tell)
    else:
        tree = {**TREE, "training": {**TREE["training"], **job.get("training", {})}}
        options = {**OPTIONS, **job.get("options", {})}
        comparison = descend.compare(tree, out=job["out"], tell=tell, **options)
    print(comparison.status)


def fill_up_at(moment: int) -> None:
    """From the k-th file on, nothing can be written any more."""
    passed = 0
    sync = os.fsync

    def full(descriptor: int) -> None:
        nonlocal passed
        passed += 1
        if passed >= moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    os.fsync = full


def let_memory_suffice_for(networks: int, error: Exception | None = None) -> None:
    """Whoever makes a larger stack is told that there is no memory, as torch says it."""
    make = Stack.__init__

    def limited(self: Stack, architectures: Any, seeds: Sequence[int], **options: Any) -> None:
        if len(seeds) > networks:
            raise error or RuntimeError(
                "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate "
                "memory: you tried to allocate 4096 bytes. Error code 12 (Cannot allocate memory)"
            )
        make(self, architectures, seeds, **options)

    Stack.__init__ = limited  # type: ignore[method-assign]


def warm_up() -> None:
    """Load what a child would load; polars' threads do not outlive a fork, so it is not used."""
    trained({**TREE, "training": {"epochs": 2}})
    import scipy.stats  # noqa: F401


def fork(job: dict[str, Any]) -> int:
    """The status of a child that did the job: its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            said = os.open(job.get("said", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(said, 1)
            os.dup2(said, 2)
            work(job)
            code = 0
        except descend.DescendError as error:
            os.write(2, str(error).encode())
        except KeyboardInterrupt as stopped:
            os.write(2, f"{stopped}\n".encode())
            code = 130
        finally:
            sys.stdout.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    torch.set_num_threads(1)
    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        print(fork(json.loads(line)), flush=True)
