"""A process whose children train and are killed: torch is imported once for all of them.

Reads one job as JSON from each line of stdin and writes how its child ended:
{"out": folder} trains there, {"run": folder} resumes that run.
{"hook": k} kills the child at the k-th moment around a write, {"step": n, "signal": s} sends it
a signal between two steps, {"seconds": t} kills it after that time, {"machine": true} when the
first machine has learnt for an epoch; {"limit": n} lets it write no file larger than n bytes.
"""

from __future__ import annotations

import json
import os
import pathlib
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

import polars  # noqa: F401 - imported once for all children
import torch

import descend
from descend.intake import complete_with_examples
from descend.network.contrastive import Contrastive
from descend.recipe import Recipe
from descend.training.training import Progress, Training

TREE: dict[str, Any] = {
    "title": "victim",
    "data": {"source": "digits", "limit": 60, "validation": 0.1, "test": 0.1},
    "network": {"hidden": [8], "batch_norm": "before", "dropout": 0.2},
    "training": {
        "optimizer": "adam",
        "lr": 0.01,
        "batch_size": 16,
        "epochs": 12,
        "evaluate": ["validation", "test"],
        "measure_every": 5,
        "schedule": "cosine",
        "early_stopping": {"patience": 4, "metric": "validation/loss"},
    },
}


def work(job: dict[str, Any]) -> None:
    """What a child does."""
    if "hook" in job:
        kill_at(job["hook"])
    if job.get("machine"):
        kill_in_pretraining()
    if "limit" in job:
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["limit"], job["limit"]))

    def tell(progress: Progress) -> None:
        if progress.step >= job.get("step", progress.steps + 1):
            os.kill(os.getpid(), job["signal"])
        time.sleep(job.get("pause", 0))

    options: dict[str, Any] = {
        "checkpoint_seconds": job.get("checkpoint_seconds", 0),
        "tell": tell,
    }
    if "run" in job:
        run = descend.resume(job["run"], **options)
    else:
        tree = {**TREE, **job.get("tree", {})}
        run = descend.train(tree, seeds=[3, 4], out=job["out"], threads=1, **options)
    print(run.status)


def kill_at(moment: int) -> None:
    """Kill this process at the k-th moment before or after a write reaches the disk."""
    passed = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal passed
            for is_after in (False, True):
                passed += 1
                if passed == moment:
                    os.kill(os.getpid(), signal.SIGKILL)
                if not is_after:
                    result = function(*arguments, **options)
            return result

        return call

    os.fsync = counted(os.fsync)
    shutil.rmtree = counted(shutil.rmtree)  # type: ignore[assignment]
    for name in ("write_bytes", "replace", "rename"):
        setattr(pathlib.Path, name, counted(getattr(pathlib.Path, name)))


def kill_in_pretraining() -> None:
    """Kill this process in the second epoch of a machine, when the first one has been saved."""
    epoch = Contrastive.epoch

    def killed(self: Contrastive) -> None:
        if self.epochs == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        epoch(self)

    Contrastive.epoch = killed  # type: ignore[method-assign]


def warm_up() -> None:
    """Load what a child would load; polars' threads do not outlive a fork, so it is not used."""
    recipe, examples = complete_with_examples(Recipe.of(TREE))
    training = Training([recipe, recipe], examples)
    while training.step < 2:
        training.batches.start_epoch()
        training.executor.advance(training.step, training.batches.take(0, 1), training.active)
        training.step += 1
    training.score()


def fork(job: dict[str, Any]) -> int:
    """The status of a child that did the job: its exit code, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            devnull = os.open(os.devnull, os.O_WRONLY)
            os.dup2(devnull, 1)
            if "errors" in job:
                os.dup2(os.open(job["errors"], os.O_WRONLY | os.O_CREAT), 2)
            work(job)
            code = 0
        except descend.DescendError as error:
            os.write(2, str(error).encode())
        finally:
            os._exit(code)
    if "seconds" in job:
        time.sleep(job["seconds"])
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    torch.set_num_threads(1)
    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        print(fork(json.loads(line)), flush=True)
