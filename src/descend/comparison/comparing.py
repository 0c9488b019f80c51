"""Comparing: from a question to a folder, from the folder to stacks, from stacks to an answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from threading import Event

from descend.comparison.comparison import Comparison
from descend.comparison.crew import train_here, train_in_processes
from descend.comparison.folder import ComparisonFolder
from descend.comparison.following import following
from descend.comparison.preparing import Prepared, begin, prepare
from descend.comparison.question import Means, Question
from descend.comparison.reading import read
from descend.comparison.rounds import Round
from descend.comparison.search import batches
from descend.comparison.stacking import leave_stacks, make_stacks
from descend.comparison.stacks import Stop, TellAdvance, give_up, is_done, is_too_large
from descend.comparison.undertaking import Undertaking
from descend.runs import files
from descend.runs.interrupts import stopping_on_interrupt

__all__ = ["Means", "Prepared", "Question", "TellRound", "begin", "carry_on", "prepare", "read"]

TellRound = Callable[[int, int, Sequence[str]], TellAdvance]
"""Called with a round's number from 1, the rounds in all, and its stacks; told of their steps."""


def carry_on(
    find: Callable[[], ComparisonFolder],
    means: Means,
    tell: TellRound | None,
    prepared: Prepared | None = None,
) -> Comparison:
    """Train what is left of a comparison, round after round, and judge it.

    The first Ctrl-C stops it in good order, the second one at once. prepared: what a new one has
    loaded and built already.
    """
    wish = Event()
    with stopping_on_interrupt(wish.set):
        folder = find()
        with folder.locked():
            work = Undertaking(folder, means, prepared)
            if work.is_finished:
                return work.comparison()
            work.check_data(means)
            return _carry_on(work, tell, wish.is_set)


def _carry_on(work: Undertaking, tell: TellRound | None, stop: Stop) -> Comparison:
    """All rounds that are left."""
    work.note(status="running")
    while True:
        make_stacks(work, work.rounds[-1])
        _train(work, tell, stop)
        if stop():
            work.note(status="interrupted")
            return work.comparison()
        *before, last = work.rounds
        if smaller := _in_halves(work, last):
            work.note_rounds([*before, smaller])
            continue
        for one in before[-1:]:
            leave_stacks(work, one)
        if (coming := following(work)) is None:
            return _finished(work)
        work.note_rounds([*before, last, coming])


def _train(work: Undertaking, tell: TellRound | None, stop: Stop) -> None:
    """The stacks of the last round that have not ended yet."""
    rounds, search = work.rounds, work.facts.get("search")
    planned = batches(search) if search else len(work.facts["rungs"]) + 1
    all_names = [stack.name for stack in rounds[-1].stacks]
    names = [name for name in all_names if not is_done(work.folder, name)]
    see = tell(len(rounds), max(planned, len(rounds)), names) if tell else lambda _: None
    processes = min(work.facts["processes"], len(names))
    if processes > 1:
        train_in_processes(work.folder, names, work.examples_for, see, stop, processes)
    else:
        train_here(work.folder, names, work.examples_for, see, stop)


def _in_halves(work: Undertaking, last: Round) -> Round | None:
    """The round with the stacks halved that memory did not suffice for, None where it sufficed.

    A network by itself for which it does not is given up.
    """
    large = [stack for stack in last.stacks if is_too_large(work.folder, stack.name)]
    for stack in large:
        if len(stack.members) == 1:
            give_up(work.folder.stack(stack.name))
    names = {stack.name for stack in large if len(stack.members) > 1}
    return last.halving(names) if names else None


def _finished(work: Undertaking) -> Comparison:
    """The answer, with its tables."""
    work.folder.tidy()
    comparison = replace(work.comparison(), status="finished", seconds=work.seconds)
    files.write_table(work.folder.results, comparison.table)
    files.write_table(work.folder.summary, comparison.summary)
    result = comparison.to_json()
    work.note(status="finished", seconds=comparison.seconds, result=result)
    return comparison
