"""Rounds: what a comparison trains at a time, and who goes on into the next round."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from descend.comparison.goal import is_higher_better
from descend.comparison.plan import Member, Plan
from descend.comparison.variants import Variant
from descend.errors import RecipeError
from descend.recipe import Recipe


@dataclass(frozen=True)
class Source:
    """Runs of an earlier stack, by their places in it, that go on in a new one."""

    stack: str
    runs: tuple[int, ...]


@dataclass(frozen=True)
class PlannedStack:
    """A stack of a round: its members, and where they come from if they have begun before."""

    name: str
    members: tuple[Member, ...]
    sources: tuple[Source, ...] = ()

    def halves(self) -> tuple[PlannedStack, PlannedStack]:
        """Two stacks of these members, the first one with one more where their number is odd."""
        middle = (len(self.members) + 1) // 2
        return self._part("a", 0, middle), self._part("b", middle, len(self.members))

    def _part(self, letter: str, first: int, stop: int) -> PlannedStack:
        sources = []
        at = 0
        for source in self.sources:
            own = source.runs[max(0, first - at) : max(0, stop - at)]
            at += len(source.runs)
            if own:
                sources.append(Source(source.stack, own))
        return PlannedStack(self.name + letter, self.members[first:stop], tuple(sources))


@dataclass(frozen=True)
class Round:
    """Stacks that are trained before anything else is decided; until: an epoch, or to the end.

    halved: the names of the stacks that were too large for the memory and are not among them.
    """

    stacks: tuple[PlannedStack, ...]
    until: int | None = None
    halved: tuple[str, ...] = ()

    @property
    def variants(self) -> list[int]:
        """The places of the variants that take part, in their order."""
        return sorted({variant for stack in self.stacks for variant, _ in stack.members})

    def to_json(self) -> dict[str, Any]:
        stacks = {
            stack.name: {
                "members": [list(member) for member in stack.members],
                "sources": [[source.stack, list(source.runs)] for source in stack.sources],
            }
            for stack in self.stacks
        }
        return {"until": self.until, "stacks": stacks, "halved": list(self.halved)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Round:
        stacks = [
            PlannedStack(
                name,
                tuple((variant, seed) for variant, seed in stack["members"]),
                tuple(Source(source, tuple(runs)) for source, runs in stack["sources"]),
            )
            for name, stack in document["stacks"].items()
        ]
        return cls(tuple(stacks), document["until"], tuple(document.get("halved", ())))

    def halving(self, names: Collection[str]) -> Round:
        """The round with two halves in the place of each of these stacks."""
        stacks = [
            part
            for stack in self.stacks
            for part in (stack.halves() if stack.name in names else (stack,))
        ]
        halved = [stack.name for stack in self.stacks if stack.name in names]
        return Round(tuple(stacks), self.until, (*self.halved, *halved))


def new_round(planned: Plan, number: int, until: int | None = None) -> Round:
    """The round with that number, from 0, of stacks whose networks begin."""
    stacks = [
        PlannedStack(name_of(number, place), stack.members)
        for place, stack in enumerate(planned.stacks)
    ]
    return Round(tuple(stacks), until)


def name_of(round_number: int, place: int) -> str:
    """The name of a stack by its round and its place there, both from 0: `2-001`."""
    return f"{round_number + 1}-{place + 1:03d}"


def rungs(variants: Sequence[Variant], eta: int) -> list[int]:
    """The epochs after which only one in `eta` variants goes on, the first one first.

    Successive halving (Jamieson & Talwalkar 2016): the last survivors are trained to the end, E
    epochs, and those of k rungs before to E / eta^k. RecipeError where the variants have different
    numbers of epochs, so that no epoch is the same share of all of them.
    """
    if not isinstance(eta, Integral) or eta < 2:
        raise RecipeError(
            f"`halving` must be a whole number, 2 or more: {eta!r}", hint="3 is usual"
        )
    built = [(one.recipe, one.steps_per_epoch) for one in variants if one.recipe is not None]
    lengths = {_epochs(recipe, per_epoch) for recipe, per_epoch in built}
    if len(lengths) > 1:
        raise RecipeError(
            "`halving` must have variants of equally many epochs: they have "
            f"{', '.join(str(length) for length in sorted(lengths))}",
            hint="compare without halving, or set `training.epochs`",
        )
    (epochs,) = lengths
    # logarithms of whole powers are off by their rounding: log 9 / log 3 must count as 2
    halvings = int(min(math.log(len(built), eta), math.log(epochs, eta)) + 1e-9)
    every = built[0][0].training.evaluate_every or 1
    planned = [epochs // eta**left for left in range(halvings, 0, -1)]
    rounded = [max(every, -(-epoch // every) * every) for epoch in planned]
    return sorted({epoch for epoch in rounded if epoch < epochs})


def _epochs(recipe: Recipe, steps_per_epoch: int) -> int:
    """The epochs of a completed recipe, as many as its steps allow."""
    epochs, steps = recipe.training.epochs, recipe.training.steps
    assert epochs is not None
    return epochs if steps is None else min(epochs, -(-steps // steps_per_epoch))


def survivors(scores: Mapping[int, Sequence[float]], metric: str, eta: int) -> list[int]:
    """The best one in `eta` of the variants, by their mean over the seeds, in their order.

    scores: each variant's value of the metric for every seed; NaN counts as worse than any number.
    """
    sign = 1.0 if is_higher_better(metric) else -1.0

    def merit(variant: int) -> tuple[int, float]:
        values = scores[variant]
        ended = [sign * value for value in values if math.isfinite(value)]
        return len(ended) - len(values), sum(ended) / len(ended) if ended else -math.inf

    best_first = sorted(scores, key=merit, reverse=True)  # stable: earlier ones win ties
    return sorted(best_first[: math.ceil(len(scores) / eta)])


def sources_of(members: Sequence[Member], last: Round) -> tuple[list[Member], tuple[Source, ...]]:
    """Members that have begun in the last round, in the order of their stacks, and these places."""
    wanted = set(members)
    ordered: list[Member] = []
    runs: dict[str, list[int]] = defaultdict(list)
    for stack in last.stacks:
        for place, member in enumerate(stack.members):
            if member in wanted:
                ordered.append(member)
                runs[stack.name].append(place)
    return ordered, tuple(Source(name, tuple(places)) for name, places in runs.items())
