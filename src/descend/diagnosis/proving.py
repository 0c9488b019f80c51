"""Proving: a recipe and its candidate cures, trained side by side in two rounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

from descend.comparison.comparing import TellRound
from descend.comparison.comparison import Comparison
from descend.comparison.paired_tests import least_seeds
from descend.comparison.question import Means
from descend.comparison.statistics import ALPHA
from descend.data.examples import Examples
from descend.diagnosis.candidates import ANEW, Candidate, candidates
from descend.diagnosis.proof import Proof, best_first, last_round, left_out, mean_of
from descend.diagnosis.proof_plan import ProofPlan, Tell
from descend.errors import DescendError
from descend.findings.finding import Finding
from descend.intake import Arrays, complete_with_examples
from descend.recipe import Recipe

ROUNDS = 2
SEEDS = 8
SCREENED = 2  # seeds of the first round
FINALISTS = 3
MOST_COST = 10.0  # times one ordinary training
SCREENING = 0.4  # of the cost, for the first round


def prove(
    recipe: Recipe,
    findings: Sequence[Finding],
    *,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
    seeds: int = SEEDS,
    most_cost: float = MOST_COST,
    most_seconds: float = math.inf,
    tell: TellRound | None = None,
) -> Proof:
    """Train the recipe and its candidate cures over the same seeds, and compare.

    The recipe may leave choices open, which are then made for every candidate anew; it may be one
    that cannot be built, and then there is nothing to compare with.

    In a first round all candidates are trained with two seeds; in the second the best three, among
    them the best that a finding named, and the recipe as it is, with `seeds` others: more where
    fewer could show nothing. The steps are cut so that all of it costs `most_cost` ordinary
    trainings of the recipe at most, and takes about `most_seconds` at most; where that leaves next
    to nothing of them, there are fewer candidates, and fewer seeds at last.
    tell: called with each round's number, their count and the round's stacks, whose steps it tells.
    """
    began = perf_counter()
    means = Means(data, data_dir, processes=1)
    whole = candidates(_completed(recipe, means) or recipe, findings)
    plan = ProofPlan.of(recipe, whole, means, most_cost)
    seeds = max(seeds, least_seeds(ALPHA, FINALISTS) + 1)
    first = recipe.training.seed
    screening = range(first + seeds, first + seeds + SCREENED)
    most = SCREENING * most_seconds / max(1.0, plan.once / plan.work)
    one = plan.trained(
        whole, screening, min(SCREENING * most_cost * plan.work, most), _telling(tell, 1)
    )
    chosen = finalists(one.comparison, whole)
    most = (most_seconds - one.seconds) / max(1.0, one.seconds / one.work)
    left = most_cost * plan.work - one.work
    judging = range(first, first + seeds)
    two = plan.trained(chosen, judging, min(left, most), _telling(tell, 2))
    chosen = [each for each in chosen if _is_in(two.comparison, each)]
    others = [each for each in whole if each not in chosen and _is_in(one.comparison, each)]
    return Proof(
        tried=best_first(
            [
                *(last_round(two, each, plan.lengths) for each in chosen),
                *(left_out(one, each, plan.lengths) for each in others),
            ],
            1 if two.comparison.goal.higher_is_better else -1,
        ),
        metric=two.comparison.goal.metric,
        seeds=len(two.comparison.seeds),
        share=round(two.share, 3),
        cost=round((one.work + two.work) / plan.work, 1),
        seconds=round(perf_counter() - began, 3),
    )


def finalists(screened: Comparison, tried: Sequence[Candidate]) -> list[Candidate]:
    """The best of the first round, in their order.

    Among them the best that a finding named, and the best that does not change all of the recipe.
    """
    sign = 1 if screened.goal.higher_is_better else -1

    def worth(one: Candidate) -> float:
        value = mean_of(screened[one.name])
        return -math.inf if value is None else sign * value

    there = [one for one in tried if _is_in(screened, one)]
    ranked = sorted(there, key=lambda one: -worth(one))
    named = [one for one in ranked if one.codes and worth(one) > -math.inf][:1]
    simple = [one for one in ranked if one not in named and one.name != ANEW][:1]
    rest = [one for one in ranked if one not in (*named, *simple)]
    chosen = [*named, *simple, *rest][:FINALISTS]
    return [one for one in there if one in chosen]


def _telling(tell: TellRound | None, number: int) -> Tell:
    return lambda stacks: (lambda _: None) if tell is None else tell(number, ROUNDS, stacks)


def _is_in(comparison: Comparison, candidate: Candidate) -> bool:
    return any(row.name == candidate.name for row in comparison.rows)


def _completed(recipe: Recipe, means: Means) -> Recipe | None:
    """The recipe with every choice made; None where none can be made of it."""
    try:
        return complete_with_examples(recipe, means.data, means.data_dir)[0]
    except DescendError:
        return None
