"""Proving: a recipe and its candidate cures, trained side by side in two rounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

from descend.comparison.axes import Axes
from descend.comparison.comparing import Means, Prepared, Question, begin, carry_on, prepare
from descend.comparison.comparison import Comparison
from descend.comparison.cost import measured_seconds, steps_of, work_seconds
from descend.comparison.goal import constant_accuracy
from descend.comparison.paired_tests import least_seeds
from descend.comparison.statistics import ALPHA
from descend.data.examples import Examples
from descend.diagnosis.candidates import ANEW, Candidate, candidates
from descend.diagnosis.proof import AS_IT_IS, Proof, best_first, last_round, left_out, mean_of
from descend.errors import DescendError
from descend.findings.finding import Finding
from descend.intake import Arrays, complete_with_examples, examples_of
from descend.recipe import Recipe

SEEDS = 8
SCREENED = 2  # seeds of the first round
FINALISTS = 3
FEWEST = 0.05  # share of the planned epochs that a proof trains at least
FEW = 6  # candidates that are tried in any case
MOST_COST = 10.0  # times one ordinary training
SCREENING = 0.4  # of the cost, for the first round
LEAST_WORK = 2.0  # seconds as planned: nobody minds these, and starting and judging take as long
LONGEST = 6  # a candidate may take one in so many parts of the work, if it were trained once
NOT_FEW = 1000  # steps
LARGEST = 1 << 30
SMALL = 33  # examples: fewer are a truth table, which must be right as a whole


def prove(
    recipe: Recipe,
    findings: Sequence[Finding],
    *,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
    seeds: int = SEEDS,
    most_cost: float = MOST_COST,
    most_seconds: float = math.inf,
) -> Proof:
    """Train the recipe and its candidate cures over the same seeds, and compare.

    The recipe may leave choices open, which are then made for every candidate anew; it may be one
    that cannot be built, and then there is nothing to compare with.

    In a first round all candidates are trained with two seeds; in the second the best three, among
    them the best that a finding named, and the recipe as it is, with `seeds` others: more where
    fewer could show nothing. The epochs are cut so that all of it takes `most_cost` times one
    ordinary training at most (or some seconds), and `most_seconds`, but for FEWEST of them.
    """
    began = perf_counter()
    means = Means(data, data_dir, processes=1)
    whole = candidates(_completed(recipe, means) or recipe, findings)
    plan = _Plan.of(recipe, whole, means, most_cost)
    work = max(most_cost * plan.work, LEAST_WORK)
    seeds = max(seeds, least_seeds(ALPHA, FINALISTS) + 1)
    first = recipe.training.seed
    screening = range(first + seeds, first + seeds + SCREENED)
    most = SCREENING * most_seconds / max(1.0, plan.once / plan.work)
    one = plan.trained(whole, screening, min(SCREENING * work, most))
    chosen = finalists(one.comparison, whole)
    most = (most_seconds - one.seconds) / max(1.0, one.seconds / one.work)
    two = plan.trained(chosen, range(first, first + seeds), min((1 - SCREENING) * work, most))
    others = [each for each in whole if each not in chosen and _is_in(one.comparison, each)]
    return Proof(
        tried=best_first(
            [
                *(last_round(two.comparison, each, seeds) for each in chosen),
                *(left_out(one.comparison, each, SCREENED) for each in others),
            ],
            1 if two.comparison.goal.higher_is_better else -1,
        ),
        metric=two.comparison.goal.metric,
        seeds=seeds,
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


def _is_in(comparison: Comparison, candidate: Candidate) -> bool:
    return any(row.name == candidate.name for row in comparison.rows)


def _completed(recipe: Recipe, means: Means) -> Recipe | None:
    """The recipe with every choice made; None where none can be made of it."""
    try:
        return complete_with_examples(recipe, means.data, means.data_dir)[0]
    except DescendError:
        return None


@dataclass(frozen=True, eq=False)
class _Round:
    """What was trained: share of the planned epochs; work, seconds: as planned, as it took."""

    comparison: Comparison
    share: float
    work: float
    seconds: float


@dataclass(frozen=True, eq=False)
class _Plan:
    """How candidates are trained.

    once, work: seconds of one ordinary training, measured and as planned;
    target: the mark of the metric, where the task's own is none; metric: r² for quantities;
    epochs: of the recipe as it is and of each candidate that can be built.
    """

    recipe: Recipe
    means: Means
    once: float
    work: float
    target: float | None
    epochs: Mapping[str, int]
    metric: str | None = None

    @classmethod
    def of(
        cls, recipe: Recipe, tried: Sequence[Candidate], means: Means, most_cost: float
    ) -> _Plan:
        plan = cls(recipe, means, 0.0, 1.0, None, {})
        whole = plan.prepared(tried, [recipe.training.seed], 1.0)
        built = {one.name: one.recipe for one in whole.variants if one.recipe is not None}
        alone = next(iter(built.values()))
        examples = examples_of(alone, means.data, means.data_dir)
        target = None
        is_sample = len(examples.splits) == 1 and len(examples.train) >= SMALL
        if is_sample and whole.goal.metric.endswith("accuracy"):
            target = (1 + constant_accuracy(examples)) / 2
        once = max(measured_seconds([alone], examples, 1), 1e-3)
        work = work_seconds(alone, examples, 1)
        most = max(most_cost * work, LEAST_WORK) / LONGEST
        split, _, name = whole.goal.metric.partition("/")
        metric = f"{split}/r2" if name == "rmse" else None
        return cls(recipe, means, once, work, target, _epochs(built, examples, most), metric)

    def trained(
        self,
        tried: Sequence[Candidate],
        seeds: Sequence[int],
        work: float,
    ) -> _Round:
        """The recipe beside the candidates, in about so many seconds as planned.

        Where even a few epochs would take longer, the last candidates are left out.
        """
        while True:
            prepared = self.prepared(tried, seeds, 1.0)
            share = work / _planned(prepared)
            if share >= FEWEST or len(tried) <= FEW:
                break
            tried = tried[: max(FEW, 2 * len(tried) // 3)]
        share = min(1.0, max(FEWEST, share))
        if share < 1.0:
            prepared = self.prepared(tried, seeds, share)
        with TemporaryDirectory(prefix="descend-") as root:
            done = carry_on(lambda: begin(prepared, Path(root)), self.means, None, prepared)
        taken = sum(result.seconds for result in done.results)
        return _Round(done, share, _planned(prepared), taken)

    def prepared(self, tried: Sequence[Candidate], seeds: Sequence[int], share: float) -> Prepared:
        """The comparison with the candidates, for this share of their epochs."""
        named = [(AS_IT_IS, {}), *((one.name, one.edits) for one in tried)]
        shortened = [
            (name, {**edits, "training.epochs": max(1, round(share * self.epochs[name]))})
            if name in self.epochs
            else (name, edits)
            for name, edits in named
        ]
        question = Question(
            name="proof",
            base=self.recipe.edited({"training.evaluate_every": self._evaluate_every()}),
            axes=Axes(named=shortened),
            seeds=seeds,
            metric=self.metric,
            baseline=AS_IT_IS,
            target=self.target,
        )
        return prepare(question, self.means)

    def _evaluate_every(self) -> int | None:
        """Epochs from one evaluation to the next: only in the end, where nothing depends on it."""
        given = self.recipe.training
        is_needed = given.early_stopping or (given.schedule and given.schedule.name == "plateau")
        return None if is_needed else LARGEST


def _planned(prepared: Prepared) -> float:
    return sum(stack.work for stack in prepared.plan.stacks)


def _epochs(built: Mapping[str, Recipe], examples: Examples, most: float) -> dict[str, int]:
    """How long each recipe trains: one that would take more than so many seconds less long.

    One that is chosen anew takes no more steps than the recipe as it is, if these are not few.
    """
    epochs = {}
    for name, recipe in built.items():
        own = recipe.training.epochs or 1
        share = min(1.0, most / work_seconds(recipe, examples, 1))
        if name == ANEW and AS_IT_IS in built:
            steps = max(NOT_FEW, steps_of(built[AS_IT_IS], examples)[1])
            share = min(share, steps / steps_of(recipe, examples)[1])
        epochs[name] = max(1, round(share * own))
    return epochs
