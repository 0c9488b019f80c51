"""Compute: the device and the threads that a training gets."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from descend.data.examples import Examples
from descend.errors import RunError
from descend.network.architecture import architecture_of, parameters_of
from descend.recipe import Recipe

MANY_FLOPS = 5e8  # of one step: only then does a second thread pay


def device_named(name: str) -> torch.device:
    """The device "auto", "cpu" or "cuda"; RunError where it is not there."""
    if name not in ("auto", "cpu", "cuda"):
        raise RunError(f"`--device` must be auto, cpu or cuda: {name!r}")
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise RunError("`--device cuda` needs a GPU that torch can use: none was found")
    return torch.device("cuda" if name != "cpu" and has_cuda else "cpu")


def threads_for(recipes: Sequence[Recipe], examples: Examples, device: torch.device) -> int:
    """One thread for small networks, which a second only slows; else as many as there are cores."""
    parameters = parameters_of(architecture_of(recipes[0], examples.features))
    batch = recipes[0].training.batch_size
    rows = batch if isinstance(batch, int) else len(examples.train)
    flops = 6 * parameters * rows * len(recipes)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 1 if flops < MANY_FLOPS or device.type != "cpu" else min(cores or 1, 8)


@contextmanager
def cpu_threads(count: int) -> Iterator[int]:
    """Let torch use `count` threads, and as many as before afterwards."""
    if count < 1:
        raise RunError(f"`--threads` must be 1 or more: {count}")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield count
    finally:
        torch.set_num_threads(before)
