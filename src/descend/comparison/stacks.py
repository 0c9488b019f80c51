"""Stacks at work: each carries out the task of its folder, and says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, sleep

import torch

from descend.comparison.folder import ComparisonFolder
from descend.comparison.variants import IMPOSSIBLE
from descend.data.examples import Examples
from descend.runs.assignment import OVER, carry_out
from descend.runs.folder import InTraining, RunFolder
from descend.runs.session import Tell

PATIENCE = 20.0  # seconds, for a process that has to import torch before it can end
TOO_LARGE = "too large"
# statuses of a stack that nothing is left to do for
DONE = (*OVER, "paused", "joined", "failed", TOO_LARGE)
OUT_OF_MEMORY = "there was not enough memory, not even for this network alone"

ExamplesFor = Callable[[RunFolder], Examples]
Stop = Callable[[], bool]


@dataclass(frozen=True)
class Advance:
    """How far a stack is: its steps, and the mean loss of its runs."""

    stack: str
    step: int
    steps: int
    loss: float
    epoch: int = 0
    epochs: int = 0


TellAdvance = Callable[[Advance], None]


def is_done(folder: ComparisonFolder, name: str) -> bool:
    """Whether a stack has ended, or waits for the others."""
    return folder.stack(name).read_facts()["status"] in DONE


def is_too_large(folder: ComparisonFolder, name: str) -> bool:
    """Whether memory did not suffice for a stack."""
    return bool(folder.stack(name).read_facts()["status"] == TOO_LARGE)


def work(
    folder: ComparisonFolder, name: str, examples_for: ExamplesFor, tell: Tell, stop: Stop
) -> str:
    """Train one stack to its end or its pause; returns its status.

    One that cannot be trained is "failed", with its reason in run.json, and one that memory did
    not suffice for "too large": neither ends anything else.
    RunError where its folder cannot be read or written: no other stack's could then.
    """
    stack = folder.stack(name)
    patient_until = perf_counter() + PATIENCE
    while True:
        try:
            with stack.locked():
                status: str = stack.read_facts()["status"]
                return status if status in DONE else _work(stack, examples_for, tell, stop)
        except InTraining:
            # by a process whose comparison was killed a moment ago: it notices that, and ends
            if stop():
                return "interrupted"
            if perf_counter() > patient_until:
                raise
            sleep(0.1)


def _work(stack: RunFolder, examples_for: ExamplesFor, tell: Tell, stop: Stop) -> str:
    try:
        return carry_out(stack, examples_for(stack), tell=tell, stop=stop)[1]
    except IMPOSSIBLE as error:
        return fail(stack, error.message)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # outside of `except`, where the error would keep what it was raised from in memory
    torch.cuda.empty_cache()
    return fail(stack, OUT_OF_MEMORY, TOO_LARGE)


def is_out_of_memory(error: Exception) -> bool:
    """Whether memory did not suffice; torch's CPU says so in a RuntimeError's words only."""
    is_memory = isinstance(error, MemoryError | torch.OutOfMemoryError)
    return is_memory or "can't allocate memory" in str(error)


def fail(stack: RunFolder, reason: str, status: str = "failed") -> str:
    """Note why a stack could not be trained; returns the status."""
    stack.write_facts({**stack.read_facts(), "status": status, "reason": reason})
    return status


def give_up(stack: RunFolder) -> None:
    """Take a stack that is too large, and no smaller one can be made of, for failed."""
    fail(stack, stack.read_facts()["reason"])
