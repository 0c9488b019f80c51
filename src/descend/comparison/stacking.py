"""Stacking: the folders of a round's stacks, from the recipes or from where their networks are."""

from __future__ import annotations

from descend.comparison.cost import steps_of
from descend.comparison.rounds import PlannedStack, Round
from descend.comparison.undertaking import Undertaking
from descend.compute import device_named, threads_for
from descend.runs.edits import seeded
from descend.runs.facts import first_facts
from descend.runs.folder import RunFolder
from descend.training.joining import join


def make_stacks(work: Undertaking, of: Round) -> None:
    """The folders of a round's stacks, those that are not there yet."""
    for stack in of.stacks:
        if not work.folder.has_stack(stack.name):
            _make(work, stack, of.until)


def _make(work: Undertaking, stack: PlannedStack, until: int | None) -> None:
    recipes = [seeded(work.recipe_of(variant), seed) for variant, seed in stack.members]
    examples = work.builder.examples_of(recipes[0])
    device = device_named(work.facts["device"])
    is_alone = work.facts["processes"] == 1
    threads = threads_for(recipes, examples, device) if is_alone else 1
    name = f"{work.facts['name']} {stack.name}"
    facts = first_facts(name, recipes, device, threads, work.facts["data"])
    facts["curve_every"] = recipes[0].training.evaluate_every or 1
    if until is not None:
        facts["until"] = until * steps_of(recipes[0], examples)[0]
    facts["starts_from_model"] = bool(stack.sources)  # without its checkpoint it is lost
    state = None
    if stack.sources:
        state = join([(work.state_of(one.stack), one.runs) for one in stack.sources])
    place = work.folder.stack(stack.name).path
    RunFolder.create_at(place, recipes[0], facts, examples.preparation, state)


def leave_stacks(work: Undertaking, of: Round) -> None:
    """Those of a round who went on have been taken; checkpoints are of no use any more."""
    for one in of.stacks:
        stack = work.folder.stack(one.name)
        facts = stack.read_facts()
        if facts["status"] == "paused":
            stack.write_facts({**facts, "status": "joined"})
        stack.drop_checkpoint()
