"""The plan of a proof: how long each candidate trains, so that all of it costs what it may."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from descend.comparison.axes import Axes
from descend.comparison.comparison import Comparison
from descend.comparison.cost import measured_seconds, steps_of, work_seconds
from descend.comparison.goal import constant_accuracy
from descend.comparison.in_memory import compared
from descend.comparison.preparing import Prepared, prepare
from descend.comparison.question import Means, Question
from descend.comparison.rounds import name_of
from descend.comparison.stacks import TellAdvance
from descend.data.examples import Examples
from descend.diagnosis.candidates import ANEW, Candidate
from descend.intake import examples_of
from descend.recipe import Recipe

AS_IT_IS = "as it is"
FEWEST = 0.05  # share of the planned steps: rather than fewer, the last candidates are left out
FEW = 6  # candidates that are tried even so
LONGEST = 6  # a candidate may take one in so many parts of the work, if it were trained once
NOT_FEW = 1000  # steps
LARGEST = 1 << 30
SMALL = 33  # examples: fewer are a truth table, which must be right as a whole
EXACT = 1e-9  # of a share: it may be this much more by its rounding

Tell = Callable[[Sequence[str]], TellAdvance]
"""Called with the names of the stacks that are to be trained; told of their steps."""


@dataclass(frozen=True, eq=False)
class Trained:
    """Candidates beside the recipe as it is.

    share: of the planned steps that were trained; work, seconds: as planned, as it took.
    """

    comparison: Comparison
    share: float
    work: float
    seconds: float


@dataclass(frozen=True)
class Length:
    """How long a recipe trains in a proof: `steps` of the `planned` ones, so many an epoch.

    cost: of one training of all that is planned, in ordinary ones of the recipe as it is.
    """

    steps: int
    planned: int
    per_epoch: int
    cost: float

    def at(self, share: float) -> int:
        """This share of the steps, one at least."""
        return max(1, int(share * self.steps + EXACT))

    def edits(self, share: float) -> dict[str, int]:
        """The edits after which this share of the steps is trained."""
        steps = self.at(share)
        return {"training.steps": steps, "training.epochs": -(-steps // self.per_epoch)}

    def taken(self, share: float) -> float:
        """This share of the steps in all that are planned."""
        return self.at(share) / self.planned


@dataclass(frozen=True, eq=False)
class ProofPlan:
    """How candidates are trained.

    once, work: seconds of one ordinary training, measured and as planned;
    target: the mark of the metric, where the task's own is none; metric: r² for quantities;
    lengths: of the recipe as it is and of each candidate that can be built.
    """

    recipe: Recipe
    means: Means
    once: float
    work: float
    target: float | None
    lengths: Mapping[str, Length]
    metric: str | None = None

    @classmethod
    def of(
        cls, recipe: Recipe, tried: Sequence[Candidate], means: Means, most_cost: float
    ) -> ProofPlan:
        """The plan for a recipe, which may be one that cannot be built, and its candidates."""
        whole = cls(recipe, means, 0.0, 1.0, None, {}).prepared(tried, [recipe.training.seed], 1.0)
        built = {one.name: one.recipe for one in whole.variants if one.recipe is not None}
        alone = next(iter(built.values()))
        examples = examples_of(alone, means.data, means.data_dir)
        target = None
        is_sample = len(examples.splits) == 1 and len(examples.train) >= SMALL
        if is_sample and whole.goal.metric.endswith("accuracy"):
            target = (1 + constant_accuracy(examples)) / 2
        once = max(measured_seconds([alone], examples, 1), 1e-3)
        work = work_seconds(alone, examples, 1)
        lengths = _lengths(built, examples, work, most_cost / LONGEST)
        split, _, name = whole.goal.metric.partition("/")
        metric = f"{split}/r2" if name == "rmse" else None
        return cls(recipe, means, once, work, target, lengths, metric)

    def trained(
        self, tried: Sequence[Candidate], seeds: Sequence[int], work: float, tell: Tell
    ) -> Trained:
        """The recipe beside the candidates, in so many seconds as planned, or fewer.

        Where little would be left of each of them, the last candidates are left out.
        """
        prepared, share = self._within(tried, seeds, work)
        done = compared(prepared, tell([name_of(0, n) for n in range(len(prepared.plan.stacks))]))
        taken = sum(result.seconds for result in done.results)
        return Trained(done, share, _planned(prepared), taken)

    def _within(
        self, tried: Sequence[Candidate], seeds: Sequence[int], work: float
    ) -> tuple[Prepared, float]:
        """As many candidates, steps and seeds as the work allows, in this order of need."""
        while True:
            prepared = self.prepared(tried, seeds, 1.0)
            share = min(1.0, work / _planned(prepared))
            if share < 1.0:
                prepared = self.prepared(tried, seeds, share)
            is_within = _planned(prepared) <= work * (1 + EXACT)
            if is_within and (share >= FEWEST or len(tried) <= FEW):
                return prepared, share
            if len(tried) > FEW:
                tried = tried[: max(FEW, 2 * len(tried) // 3)]
            elif len(tried) > 1:
                tried = tried[:-1]
            elif len(seeds) > 1:
                seeds = seeds[:-1]
            else:
                return prepared, share

    def prepared(self, tried: Sequence[Candidate], seeds: Sequence[int], share: float) -> Prepared:
        """The comparison with the candidates, for this share of their steps."""
        named = [(AS_IT_IS, {}), *((one.name, one.edits) for one in tried)]
        shortened = [
            (name, {**edits, **self.lengths[name].edits(share)})
            if name in self.lengths
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


def _lengths(
    built: Mapping[str, Recipe], examples: Examples, work: float, most: float
) -> dict[str, Length]:
    """How long each recipe trains: one that costs more than `most` ordinary trainings less long.

    One that is chosen anew takes no more steps than the recipe as it is, if these are not few.
    """
    lengths = {}
    for name, recipe in built.items():
        per_epoch, planned = steps_of(recipe, examples)
        cost = work_seconds(recipe, examples, 1) / work
        steps = planned * min(1.0, most / cost)
        if name == ANEW and AS_IT_IS in built:
            steps = min(steps, max(NOT_FEW, steps_of(built[AS_IT_IS], examples)[1]))
        lengths[name] = Length(max(1, int(steps + EXACT)), planned, per_epoch, cost)
    return lengths
