"""In memory: a comparison of one round, whose networks nobody keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from torch import Tensor

from descend.comparison.comparison import Comparison, judged
from descend.comparison.plan import Member
from descend.comparison.preparing import Prepared
from descend.comparison.results import Result
from descend.comparison.rounds import name_of
from descend.comparison.stacks import OUT_OF_MEMORY, Advance, TellAdvance, is_out_of_memory
from descend.comparison.variants import IMPOSSIBLE
from descend.compute import cpu_threads, device_named, threads_for
from descend.runs.edits import seeded
from descend.runs.session import results_of
from descend.training.progress import Progress
from descend.training.training import Training


def compared(prepared: Prepared, tell: TellAdvance) -> Comparison:
    """The answer to a question, its stacks trained one after the other; nothing is written.

    Nothing is measured of their layers, and networks are scored when they end. A stack that memory
    does not suffice for is trained in halves. tell: called with how far each stack is.
    """
    began = perf_counter()
    results = []
    for place, stack in enumerate(prepared.plan.stacks):
        results += _results(prepared, stack.members, _Watcher(name_of(0, place), tell))
    question, goal = prepared.question, prepared.goal
    rows, reference, said = judged(
        prepared.variants, results, question.seeds, goal, question.baseline
    )
    return Comparison(
        folder=None,
        name=question.name,
        status="finished",
        goal=goal,
        seeds=question.seeds,
        rows=rows,
        reference=reference,
        is_baseline=question.baseline is not None,
        conclusion=said,
        seconds=round(perf_counter() - began, 3),
        checks=(),
        notes=(),
        results=results,
        variants=prepared.variants,
    )


@dataclass(frozen=True)
class _Watcher:
    """Tells how far a stack is, and wants nothing kept."""

    stack: str
    telling: TellAdvance

    def tell(self, progress: Progress) -> None:
        now = progress
        self.telling(Advance(self.stack, now.step, now.steps, now.loss, now.epoch, now.epochs))

    def wants_checkpoint(self) -> bool:
        return False

    def save(self, state: Mapping[str, Tensor]) -> None:
        return

    def wants_to_stop(self) -> bool:
        return False


def _results(prepared: Prepared, members: Sequence[Member], watcher: _Watcher) -> list[Result]:
    """How the networks of a stack end."""
    try:
        return _trained(prepared, members, watcher)
    except IMPOSSIBLE as error:
        return [Result(*member, "failed", reason=error.message) for member in members]
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
    # outside of `except`, where the error would keep what it was raised from in memory
    torch.cuda.empty_cache()
    if len(members) == 1:
        return [Result(*members[0], "failed", reason=OUT_OF_MEMORY)]
    middle = len(members) // 2
    parts = (members[:middle], members[middle:])
    return [one for part in parts for one in _results(prepared, part, watcher)]


def _trained(prepared: Prepared, members: Sequence[Member], watcher: _Watcher) -> list[Result]:
    began = perf_counter()
    recipes = []
    for place, seed in members:
        recipe = prepared.variants[place].recipe
        assert recipe is not None  # nothing is planned for one that cannot be built
        recipes.append(seeded(recipe, seed))
    examples = prepared.builder.examples_of(recipes[0])
    device = device_named(prepared.facts["device"])
    with cpu_threads(threads_for(recipes, examples, device)):
        training = Training(recipes, examples, device)
        training.trace.turn_off()
        training.run(watcher)
        ended = results_of(training, training.whole_stack(), "finished")
    each = (perf_counter() - began) / len(members)
    return [
        Result(*member, one["status"], one["epochs"], one["metrics"], each)
        for member, one in zip(members, ended, strict=True)
    ]
