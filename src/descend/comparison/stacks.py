"""Stacks at work: each carries out the task of its folder, and says how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from descend.comparison.folder import ComparisonFolder
from descend.data.examples import Examples
from descend.errors import DescendError
from descend.runs.assignment import OVER, carry_out
from descend.runs.folder import RunFolder
from descend.runs.session import Tell

DONE = (*OVER, "paused", "joined", "failed")  # statuses of a stack that nothing is left to do for
OUT_OF_MEMORY = "there was not enough memory: `--memory` makes the stacks smaller"

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


def work(
    folder: ComparisonFolder, name: str, examples_for: ExamplesFor, tell: Tell, stop: Stop
) -> str:
    """Train one stack to its end or its pause; returns its status.

    One that cannot be trained is "failed", with its reason in run.json: it ends nothing else.
    """
    stack = folder.stack(name)
    with stack.locked():
        try:
            _, status = carry_out(stack, examples_for(stack), tell=tell, stop=stop)
        except DescendError as error:
            return fail(stack, error.message)
        except (MemoryError, RuntimeError) as error:
            if isinstance(error, RuntimeError) and "memory" not in str(error):
                raise
            return fail(stack, OUT_OF_MEMORY)
        return status


def fail(stack: RunFolder, reason: str) -> str:
    """Note why a stack could not be trained."""
    stack.write_facts({**stack.read_facts(), "status": "failed", "reason": reason})
    return "failed"
