"""Following: the round that comes after those that have been trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from descend.comparison.plan import Member
from descend.comparison.rounds import (
    PlannedStack,
    Round,
    Source,
    name_of,
    new_round,
    sources_of,
    survivors,
)
from descend.comparison.search import Search, attempting, values_of
from descend.comparison.undertaking import Undertaking
from descend.recipe import Recipe
from descend.training.joining import can_join

Origin = tuple[tuple[Member, ...], tuple[Source, ...]]


def following(work: Undertaking) -> Round | None:
    """The next round, None after the last one."""
    if work.facts.get("search"):
        return _searched(work)
    rounds = work.rounds
    if len(rounds) > len(work.facts["rungs"]):
        return None
    members = _going_on(work, rounds[-1])
    return _continued(work, rounds, members) if members else None


def _going_on(work: Undertaking, last: Round) -> list[Member]:
    """The networks of the variants that have done best so far, as far as they are in training."""
    metric = work.goal.metric
    begun = [one for one in work.results() if one.epochs and one.variant in last.variants]
    scores = {
        place: [one.value(metric) for one in begun if one.variant == place]
        for place in dict.fromkeys(one.variant for one in begun)
    }
    # what the others are compared with goes on, however it does
    kept = [place for place in scores if work.variants[place].name == work.facts["baseline"]]
    others = {place: own for place, own in scores.items() if place not in kept}
    going = [*kept, *survivors(others, metric, work.facts["halving"])]
    # those that have diverged or stopped early are at their end already
    return [
        (one.variant, one.seed) for one in begun if one.variant in going and one.status == "waiting"
    ]


def _continued(work: Undertaking, rounds: Sequence[Round], members: Sequence[Member]) -> Round:
    """A round in which these members go on from where they are."""
    number = len(rounds)
    until = work.facts["rungs"][number] if number < len(work.facts["rungs"]) else None
    stacks: list[PlannedStack] = []
    for one in work.plan(members).stacks:
        for ordered, sources in _joinable(work, *sources_of(one.members, rounds[-1])):
            stacks.append(PlannedStack(name_of(number, len(stacks)), ordered, sources))
    return Round(tuple(stacks), until)


def _joinable(
    work: Undertaking, members: Sequence[Member], sources: Sequence[Source]
) -> list[Origin]:
    """All in one stack, or in several where the states of some do not fit those of others."""
    parts: list[tuple[Mapping[str, Any], list[Member], list[Source]]] = []
    first = 0
    for source in sources:
        state = work.state_of(source.stack)
        own = members[first : first + len(source.runs)]
        first += len(source.runs)
        for fitting, those, origins in parts:
            if can_join([fitting, state]):
                those.extend(own)
                origins.append(source)
                break
        else:
            parts.append((state, list(own), [source]))
    return [(tuple(those), tuple(origins)) for _, those, origins in parts]


def _searched(work: Undertaking) -> Round | None:
    """A round of what the sampler asks for when it is told how the last one did."""
    goal, seeds, number = work.goal, work.facts["seeds"], len(work.facts["rounds"])
    if work.search is None:
        work.search = Search(work.facts["search"], work.variants, goal.higher_is_better)
    values = values_of(work.results(), seeds, goal)
    base = Recipe.read(work.folder.recipe)
    attempt = attempting(work.builder, base, work.facts["memory"], work.facts["processes"])
    places = work.search.more(values, attempt)
    work.variants = work.search.variants
    work.facts |= {
        "variants": [variant.to_json() for variant in work.variants],
        "search": work.search.to_json(),
    }
    members = [(place, seed) for place in places for seed in seeds]
    return new_round(work.plan(members), number) if members else None
