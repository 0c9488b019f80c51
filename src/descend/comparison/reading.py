"""Reading: a comparison as it stands in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from descend.comparison.comparison import Comparison, judged
from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal
from descend.comparison.judgement import Judge, judge_all
from descend.comparison.results import collect
from descend.comparison.rounds import Round
from descend.comparison.variants import Variant
from descend.errors import RecipeError, RunError


def read(folder: ComparisonFolder) -> Comparison:
    """A comparison as it stands in its folder; needs no data."""
    facts = folder.read_facts()
    return as_it_stands(folder, facts, variants_in(folder, facts))


def variants_in(folder: ComparisonFolder, facts: Mapping[str, Any]) -> list[Variant]:
    """The variants of `comparison.json`; RunError where it is not what descend wrote."""
    try:
        Goal(**facts["goal"])
        rounds_in(facts)
        return [Variant.from_json(one) for one in facts["variants"]]
    except (AttributeError, KeyError, TypeError, ValueError, RecipeError) as error:
        raise RunError(
            f"comparison.json must be what descend wrote: {str(folder.facts)!r} "
            f"({type(error).__name__}: {str(error).splitlines()[0]})",
            hint="restore the file, or compare anew",
        ) from None


def rounds_in(facts: Mapping[str, Any]) -> list[Round]:
    """The rounds of `comparison.json`."""
    return [Round.from_json(one) for one in facts["rounds"]]


def as_it_stands(
    folder: ComparisonFolder, facts: Mapping[str, Any], variants: Sequence[Variant]
) -> Comparison:
    """What the folder says of these variants, judged over the seeds that have ended."""
    goal, rounds, seeds = Goal(**facts["goal"]), rounds_in(facts), facts["seeds"]
    results = collect(folder, rounds, goal, variants)
    rows, reference, said = judged(variants, results, seeds, goal, facts["baseline"])
    names = [variant.name for variant in variants]
    judge = Judge(folder, names, results, seeds, goal, reference, not facts["baseline"])
    return Comparison(
        folder=folder.path,
        name=facts["name"],
        status=facts["status"],
        goal=goal,
        seeds=seeds,
        rows=rows,
        reference=reference,
        is_baseline=facts["baseline"] is not None,
        conclusion=said,
        checks=judge_all(judge, facts.get("expected", ())),
        seconds=facts.get("seconds", 0.0),
        notes=notes_on(rounds),
        results=results,
        variants=variants,
    )


def notes_on(rounds: Sequence[Round]) -> list[str]:
    """What should be known of how the networks were trained."""
    count = sum(len(one.halved) for one in rounds)
    if not count:
        return []
    stacks = (
        "a stack, whose networks were" if count == 1 else f"{count} stacks, whose networks were"
    )
    return [f"memory did not suffice for {stacks} trained in halves; `--memory` plans smaller ones"]
