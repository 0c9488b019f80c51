"""Preparing: variants are built and stacks planned, before anything is written or trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from descend.comparison.cost import cores
from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal
from descend.comparison.plan import Plan, plan
from descend.comparison.question import Means, Question
from descend.comparison.rounds import new_round, rungs
from descend.comparison.search import Search, attempting, search_facts
from descend.comparison.variants import Builder, Variant
from descend.compute import device_named
from descend.errors import RecipeError, RunError
from descend.memory import free_bytes
from descend.recipe.fields import plain
from descend.recipe.names import nearest
from descend.runs.facts import data_facts, setting

UNKNOWN = 4 << 30  # bytes of memory, where the system does not say what is free
MOST_RUNS = 10_000  # more networks than anybody wants by accident


@dataclass(frozen=True, eq=False)
class Prepared:
    """A question with its variants built and its first round planned."""

    question: Question
    builder: Builder
    variants: Sequence[Variant]
    goal: Goal
    rungs: Sequence[int]
    plan: Plan
    facts: Mapping[str, Any]


def prepare(question: Question, means: Means, *, is_large_allowed: bool = False) -> Prepared:
    """Build every variant and plan the stacks; nothing is written and nothing trained."""
    _check_size(question, is_large_allowed)
    _check_means(means)
    builder = Builder(means.data, means.data_dir, question.metric, question.target)
    device = device_named(means.device)
    is_on_cpu = device.type == "cpu"
    memory = means.memory or (free_bytes() or UNKNOWN) // 2
    processes = (means.processes or cores()) if is_on_cpu else 1
    variants, search = _first_variants(question, builder, memory, processes)
    _check_baseline(question.baseline, variants)
    members = [
        (place, seed)
        for place, variant in enumerate(variants)
        if variant.recipe is not None
        for seed in question.seeds
    ]
    room = {"processes": processes, "memory": memory}
    planned = plan(variants, members, builder.examples_of, is_on_cpu=is_on_cpu, **room)
    epochs = [] if question.halving is None else rungs(variants, question.halving)
    first = new_round(planned, 0, epochs[0] if epochs else None)
    facts = {
        **_facts_asked(question),
        **_facts_of_data(builder, means),
        "variants": [variant.to_json() for variant in variants],
        "search": search,
        "rungs": epochs,
        "rounds": [first.to_json()],
        "device": device.type,
        "processes": planned.processes,
        "memory": memory,
        **setting(device),
    }
    assert builder.goal is not None
    return Prepared(question, builder, variants, builder.goal, epochs, planned, facts)


def begin(prepared: Prepared, out: Path | str) -> ComparisonFolder:
    """Make the folder of a comparison; nothing is trained yet."""
    question = prepared.question
    return ComparisonFolder.create(out, question.name, question.base, prepared.facts)


def _check_size(question: Question, is_large_allowed: bool) -> None:
    variants, seeds = question.axes.count, len(question.seeds)
    if variants * seeds > MOST_RUNS and not is_large_allowed:
        raise RecipeError(
            f"a comparison must have {MOST_RUNS:,} networks at most unless it is meant: "
            f"{variants:,} variants × {seeds:,} seeds are {variants * seeds:,}",
            hint="`--yes` trains them all, `--sample` and `--halving` search with fewer",
        )


def _check_means(means: Means) -> None:
    for name, given in (("processes", means.processes), ("memory", means.memory)):
        if given is not None and (not isinstance(given, Integral) or given < 1):
            raise RunError(f"`{name}` must be a whole number, 1 or more: {given!r}")


def _facts_asked(question: Question) -> dict[str, Any]:
    """What `comparison.json` keeps of a question, beside its variants."""
    return {
        "name": question.name,
        "status": "running",
        "seeds": list(question.seeds),
        "baseline": question.baseline,
        "expected": [{**plain(one), "why_not": why} for one, why in question.expected],
        "halving": question.halving,
    }


def _facts_of_data(builder: Builder, means: Means) -> dict[str, Any]:
    """The data, and what is aimed at with them."""
    assert builder.goal is not None and builder.examples is not None
    is_from_arrays = means.data is not None
    data = data_facts(builder.examples, is_from_arrays=is_from_arrays, data_dir=means.data_dir)
    return {"goal": asdict(builder.goal), "data": data}


def _first_variants(
    question: Question, builder: Builder, memory: int, processes: int
) -> tuple[Sequence[Variant], dict[str, Any] | None]:
    """All variants, or those of a search's first batch with what there is to keep of the search."""
    if question.search is None:
        if question.batch is not None:
            raise RecipeError(f"`batch` must come with `search`: {question.batch}")
        return builder.build(question.base, question.axes.variants()), None
    base, how = question.base, (question.search, question.batch, question.halving)
    search = Search(search_facts(base, question.axes, *how))
    if not search.more({}, attempting(builder, base, memory, processes)):
        raise RecipeError(search.variants[0].reason)
    return search.variants, search.to_json()


def _check_baseline(baseline: str | None, variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if baseline is not None and baseline not in names:
        close = nearest(baseline, names)
        raise RecipeError(
            f"`baseline` must be the name of a variant: {baseline!r}",
            hint=f"did you mean {close!r}?" if close else f"they are {', '.join(names[:10])}",
        )
