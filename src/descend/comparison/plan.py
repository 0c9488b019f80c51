"""Plan: which networks become one stack, and what memory and time the stacks will take."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from descend.comparison.cost import (
    examples_bytes,
    measured_seconds,
    run_bytes,
    stack_bytes,
    state_bytes,
    work_seconds,
)
from descend.comparison.variants import Variant
from descend.data.examples import Examples
from descend.errors import RunError
from descend.network.architecture import architecture_of
from descend.optimizers.settings import SWITCHES
from descend.recipe import Recipe
from descend.runs.edits import seeded
from descend.training.agreement import SHARED

Member = tuple[int, int]  # a variant's place among the variants, and a seed

# Weights and what the optimizer keeps of them are read in every step: beyond a core's cache each of
# them costs more than its stack saves. 784-256-256-10 with Adam: 2 networks 4 to 7 % less a network
# than 4 or 6, 12 % less than 10; 784-32-32-10: 20 networks 15 % less than 60.
CACHE_BYTES = 8 << 20
WORTH_SPLITTING = 4.0  # seconds of work: less is done before two more processes pay for their start
PROCESS_BYTES = 200 << 20  # torch and Python in a process of their own
FINEST = 3  # times as many stacks as processes make even small differences even


@dataclass(frozen=True)
class StackPlan:
    """Networks that will be trained as one stack: members of one group, variant after variant."""

    members: tuple[Member, ...]
    bytes: int
    work: float


@dataclass(frozen=True)
class Plan:
    """The stacks of a comparison, and how many processes they keep busy."""

    stacks: tuple[StackPlan, ...]
    processes: int
    bytes: int

    @property
    def runs(self) -> int:
        return sum(len(stack.members) for stack in self.stacks)


ExamplesOf = Callable[[Recipe], Examples]


def plan(
    variants: Sequence[Variant],
    members: Sequence[Member],
    examples_of: ExamplesOf,
    *,
    processes: int,
    memory: int,
    is_on_cpu: bool = True,
) -> Plan:
    """Put the networks into stacks; RunError where `memory` bytes do not suffice for one of them.

    A GPU gets stacks as large as memory holds.
    It depends on counts alone and never on a clock, so that the same question gives the same stacks
    and the same bits.
    """
    groups = _groups(variants, members, examples_of)
    any_examples = examples_of(_recipe(variants, groups[0][0]))
    works = [_work(variants, group, examples_of) for group in groups]
    busy = processes if sum(works) > WORTH_SPLITTING else 1
    needs = [_Need.of(variants, group, examples_of) for group in groups]
    shared = examples_bytes(any_examples)
    while busy > 1 and not all(need.holds(_room(memory, shared, busy)) for need in needs):
        busy -= 1
    room = _room(memory, shared, busy)
    for need, group in zip(needs, groups, strict=True):
        if not need.holds(room):
            least = 1.01 * (shared + need.stack(1))  # what is spelled is rounded
            raise RunError(
                f"`memory` must be {spelled_bytes(least)} or more for one network "
                f"of the variant {variants[group[0][0]].name!r}: {spelled_bytes(memory)}",
                hint="give more, a smaller network or a smaller batch",
            )
    most = [need.most(room, is_on_cpu) for need in needs]
    choices = [
        _split(variants, groups, works, needs, most, examples_of, busy, k)
        for k in range(FINEST + 1)
    ]
    stacks = min(choices, key=lambda stacks: _makespan(stacks, busy))
    stacks.sort(key=lambda stack: -stack.work)  # the long ones first
    busy = min(busy, len(stacks))
    largest = sorted((stack.bytes for stack in stacks), reverse=True)[:busy]
    loaded = busy * PROCESS_BYTES if busy > 1 else 0
    return Plan(tuple(stacks), busy, shared + loaded + sum(largest))


def expected_seconds(
    plan: Plan, variants: Sequence[Variant], examples_of: ExamplesOf, threads: int = 1
) -> float:
    """The time that a plan will take here and now: some steps of each kind of stack are timed."""
    measured: dict[str, float] = {}
    total = []
    for stack in plan.stacks:
        recipe = _recipe(variants, stack.members[0])
        key = group_key(recipe, examples_of(recipe))
        if key not in measured:
            recipes = [seeded(_recipe(variants, member), member[1]) for member in stack.members]
            seconds = measured_seconds(recipes, examples_of(recipe), threads)
            measured[key] = seconds / stack.work
        total.append(measured[key] * stack.work)
    return max(max(total), sum(total) / plan.processes)


def group_key(recipe: Recipe, examples: Examples) -> str:
    """What runs must have in common to be one stack."""
    blocks = architecture_of(recipe, examples.features)
    structure = [block.structure for block in blocks]
    fields = {*SHARED, *SWITCHES}
    shared = recipe.training.model_dump_json(include=fields)
    schedule = recipe.training.schedule
    is_plateau = schedule is not None and schedule.name == "plateau"
    mode = schedule.parameters.get("mode", "min") if schedule and is_plateau else None
    return f"{structure} {shared} {mode} {examples.preparation.to_json()}"


def _groups(
    variants: Sequence[Variant], members: Sequence[Member], examples_of: ExamplesOf
) -> list[list[Member]]:
    keys: dict[int, str] = {}
    groups: Mapping[str, list[Member]] = defaultdict(list)
    for place, seed in members:
        if place not in keys:
            recipe = _recipe(variants, (place, seed))
            keys[place] = group_key(recipe, examples_of(recipe))
        groups[keys[place]].append((place, seed))
    return list(groups.values())


def _recipe(variants: Sequence[Variant], member: Member) -> Recipe:
    recipe = variants[member[0]].recipe
    assert recipe is not None
    return recipe


def _work(variants: Sequence[Variant], group: Sequence[Member], examples_of: ExamplesOf) -> float:
    recipe = _recipe(variants, group[0])
    return work_seconds(recipe, examples_of(recipe), len(group))


@dataclass(frozen=True)
class _Need:
    """Memory of a group's stacks: of one without networks, of each network, and of its state."""

    fixed: int
    each: int
    state: int

    @classmethod
    def of(
        cls, variants: Sequence[Variant], group: Sequence[Member], examples_of: ExamplesOf
    ) -> _Need:
        # settings that need memory may differ: a stack has room for the hungriest
        recipes = [_recipe(variants, (place, 0)) for place in dict.fromkeys(p for p, _ in group)]
        examples = examples_of(recipes[0])
        return cls(
            stack_bytes(recipes[0], examples, 0),
            max(run_bytes(recipe, examples) for recipe in recipes),
            max(state_bytes(recipe, examples) for recipe in recipes),
        )

    def stack(self, runs: int) -> int:
        return self.fixed + runs * self.each

    def holds(self, room: int) -> bool:
        """Whether there is room for a stack of one network."""
        return self.stack(1) <= room

    def most(self, room: int, is_on_cpu: bool) -> int:
        """The largest stack that memory holds and a processor's cache likes."""
        held = (room - self.fixed) // self.each
        return min(held, max(1, CACHE_BYTES // self.state)) if is_on_cpu else held


def _room(memory: int, shared: int, processes: int) -> int:
    """What each of these processes may fill, beside the examples and what it has loaded itself."""
    loaded = processes * PROCESS_BYTES if processes > 1 else 0
    return (memory - shared - loaded) // processes


def _split(
    variants: Sequence[Variant],
    groups: Sequence[Sequence[Member]],
    works: Sequence[float],
    needs: Sequence[_Need],
    most: Sequence[int],
    examples_of: ExamplesOf,
    processes: int,
    fineness: int,
) -> list[StackPlan]:
    """The groups in parts of about equal work, `fineness` for each process in all; 0: unsplit."""
    each = sum(works) / (processes * fineness) if fineness else math.inf
    stacks = []
    for group, work, need, limit in zip(groups, works, needs, most, strict=True):
        # a third of three thirds is one part, though it may be a little more by its rounding
        parts = 1 if processes == 1 else min(len(group), math.ceil(work / each - 1e-9))
        parts = max(parts, -(-len(group) // limit))
        size = -(-len(group) // parts)
        for first in range(0, len(group), size):
            members = tuple(group[first : first + size])
            recipe = _recipe(variants, members[0])
            examples = examples_of(recipe)
            stacks.append(
                StackPlan(
                    members,
                    need.stack(len(members)),
                    work_seconds(recipe, examples, len(members)),
                )
            )
    return stacks


def _makespan(stacks: Sequence[StackPlan], processes: int) -> float:
    """When the last process is done, each taking the longest stack that is left."""
    ends = [0.0] * processes
    for stack in sorted(stacks, key=lambda stack: -stack.work):
        ends[ends.index(min(ends))] += stack.work
    return max(ends)


def spelled_bytes(count: float) -> str:
    """`800 bytes`, `512 MB`, `1.5 GB`."""
    for size, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "KB")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"
