"""Proof: a recipe and every candidate remedy, trained side by side over several seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from descend.comparison.axes import Axes
from descend.comparison.comparing import Means, Prepared, Question, begin, carry_on, prepare
from descend.comparison.comparison import Comparison, Row
from descend.comparison.cost import measured_seconds, work_seconds
from descend.comparison.names import names_of
from descend.comparison.pair import BETTER, WORSE
from descend.comparison.paired_tests import least_seeds
from descend.comparison.statistics import ALPHA
from descend.comparison.values import identity
from descend.errors import RecipeError
from descend.findings.finding import Finding, Remedy, edit
from descend.intake import Arrays, complete_with_examples
from descend.recipe import Recipe

AS_IT_IS = "as it is"
SEEDS = 8
FEWEST = 0.05  # share of the planned epochs that a proof trains at least
MOST_COST = 10.0  # times one ordinary training

PROVEN, UNPROVEN, HARMFUL = "proven", "unproven", "harmful"


@dataclass(frozen=True)
class Candidate:
    """Edits that may cure, and the codes of the findings that named them; none = nobody did."""

    name: str
    edits: Mapping[str, Any]
    codes: tuple[str, ...]
    why: str = ""


@dataclass(frozen=True)
class Tried:
    """A candidate beside the recipe as it is.

    learned, learned_before: how many seeds of all reach the mark with it, and without it.
    difference, low, high: of the metric, with a 95 % interval; None where it was dropped on the
    way or could not be built. verdict: "proven", "unproven" or "harmful"; said: why, in a sentence.
    """

    candidate: Candidate
    verdict: str
    said: str
    seeds: int
    learned: int | None
    learned_before: int
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    mean: float | None = None

    @property
    def cures(self) -> bool:
        """Whether it helps, and most networks then reach the mark."""
        return self.verdict == PROVEN and (self.learned or 0) > self.seeds / 2

    def to_json(self) -> dict[str, Any]:
        document = {**vars(self), **vars(self.candidate), "cures": self.cures}
        del document["candidate"]
        return {
            **document,
            "edits": dict(self.candidate.edits),
            "codes": list(self.candidate.codes),
        }


@dataclass(frozen=True, eq=False)
class Proof:
    """What was tried, the best first.

    cure: the candidate that cures best, None where none does. cost: the time in which all of it
    was trained, in ordinary trainings of the recipe; share: of its epochs that were trained.
    """

    tried: Sequence[Tried]
    metric: str
    seeds: int
    share: float
    cost: float
    seconds: float

    @property
    def cure(self) -> Candidate | None:
        best = next((one for one in self.tried if one.cures), None)
        return None if best is None else best.candidate

    def verdict_on(self, finding: Finding) -> str:
        """Whether a remedy that this finding named is proven to help."""
        own = [one for one in self.tried if finding.code in one.candidate.codes]
        return PROVEN if any(one.verdict == PROVEN for one in own) else UNPROVEN

    def to_json(self) -> dict[str, Any]:
        """This proof as plain data."""
        return {
            "tried": [one.to_json() for one in self.tried],
            "cure": None if self.cure is None else dict(self.cure.edits),
            "metric": self.metric,
            "seeds": self.seeds,
            "share": self.share,
            "cost": self.cost,
            "seconds": self.seconds,
        }


def prove(
    recipe: Recipe,
    findings: Sequence[Finding],
    *,
    data: Arrays | None = None,
    data_dir: Path | str | None = None,
    seeds: int = SEEDS,
    most_cost: float = MOST_COST,
) -> Proof:
    """Train the recipe and every candidate over the same seeds, and compare.

    The recipe may leave choices open, which are then made for every candidate anew.

    seeds: more where so many candidates need more to be shown at all.
    The remedies that findings name come first, then what often helps though nobody named it. Where
    no single candidate cures, the findings' remedies are tried together. The epochs are cut so that
    all of it takes `most_cost` times one ordinary training at most, but for FEWEST of them.
    """
    began = perf_counter()
    means = Means(data, data_dir, processes=1)
    completed, examples = complete_with_examples(recipe, data, data_dir)
    once = measured_seconds([completed], examples, 1)
    singles = candidates(completed, findings)
    long = completed.training.epochs
    assert long is not None
    seeds = max(seeds, least_seeds(ALPHA, len(singles)) + 1)
    comparison, share = _compared(recipe, long, singles, means, seeds, 0.5 * most_cost)
    trained = _trained(comparison)
    tried = _tried(comparison, singles)
    together = _together(completed, singles)
    if together and not any(one.cures for one in tried):
        second, _ = _compared(recipe, long, together, means, seeds, 0.3 * most_cost)
        trained += _trained(second)
        tried += _tried(second, together)
    order = {PROVEN: 0, UNPROVEN: 1, HARMFUL: 2}
    sign = 1 if comparison.goal.higher_is_better else -1
    tried.sort(
        key=lambda one: (
            not one.cures,
            order[one.verdict],
            not one.candidate.codes,
            -(one.learned or 0),
            -sign * (one.difference or 0.0),
        )
    )
    seconds = perf_counter() - began
    return Proof(
        tried=tried,
        metric=comparison.goal.metric,
        seeds=seeds,
        share=share,
        cost=round(trained / once, 1),
        seconds=round(seconds, 3),
    )


def candidates(recipe: Recipe, findings: Sequence[Finding]) -> list[Candidate]:
    """Every edit worth a try: those that findings name, then those that often help anyway."""
    by_edits: dict[Any, tuple[Remedy, list[str]]] = {}
    for finding in _all(findings):
        for remedy in finding.remedies:
            by_edits.setdefault(identity(remedy.edits), (remedy, []))[1].append(finding.code)
    for remedy in usual(recipe):
        by_edits.setdefault(identity(remedy.edits), (remedy, []))
    changing = {
        key: (remedy, codes)
        for key, (remedy, codes) in by_edits.items()
        if changes(recipe, remedy.edits)
    }
    names = names_of([remedy.edits for remedy, _ in changing.values()])
    return [
        Candidate(name, remedy.edits, tuple(dict.fromkeys(codes)), remedy.why)
        for name, (remedy, codes) in zip(names, changing.values(), strict=True)
    ]


def usual(recipe: Recipe) -> list[Remedy]:
    """What often helps, whatever is wrong: other rates, Adam, scaled inputs, a sound start."""
    training = recipe.training
    remedies = []
    if training.lr:
        remedies.append(edit("training.lr", None, "descend's own choice"))
        remedies += [edit("training.lr", float(f"{training.lr * k:.3g}")) for k in (0.1, 10)]
    if training.optimizer != "adam":
        remedies.append(Remedy({"training.optimizer": "adam", "training.lr": 0.001}))
    if recipe.data.scale != "standard":
        remedies.append(edit("data.scale", "standard"))
    if recipe.network.init is not None and recipe.network.init.name != "he_normal":
        remedies.append(edit("network.init", "he_normal"))
    if not recipe.network.batch_norm and (recipe.network.hidden or recipe.network.layers):
        remedies.append(edit("network.batch_norm", "before"))
    return remedies


def changes(recipe: Recipe, edits: Mapping[str, Any]) -> bool:
    """Whether edits make another recipe of this one; False also where they are impossible."""
    try:
        return bool(recipe.edited(edits) != recipe)
    except RecipeError:
        return False


def _all(findings: Sequence[Finding]) -> list[Finding]:
    """The findings and all that follows from them."""
    return [one for finding in findings for one in (finding, *_all(finding.consequences))]


def _together(recipe: Recipe, singles: Sequence[Candidate]) -> list[Candidate]:
    """The findings' first remedies two by two, and all of them at once."""
    named = [one for one in singles if one.codes]
    firsts = {code: one for one in reversed(named) for code in one.codes}
    chosen = list(dict.fromkeys(one.name for one in firsts.values()))
    by_name = {one.name: one for one in named}
    groups = [*combinations(chosen, 2), *([tuple(chosen)] if len(chosen) > 2 else [])]
    made = []
    for group in groups[:12]:
        members = [by_name[name] for name in group]
        edits = {field: value for one in members for field, value in one.edits.items()}
        if changes(recipe, edits):
            codes = dict.fromkeys(code for one in members for code in one.codes)
            made.append(Candidate(" + ".join(group), edits, tuple(codes)))
    return made


def _compared(
    recipe: Recipe,
    epochs: int,
    tried: Sequence[Candidate],
    means: Means,
    seeds: int,
    most: float,
) -> tuple[Comparison, float]:
    """The comparison of the recipe with the candidates, in the work of about `most` trainings.

    epochs: of the whole training; the share of them that was trained comes second.
    """
    named = ((AS_IT_IS, {}), *((one.name, one.edits) for one in tried))

    def prepared(share: float) -> Prepared:
        length = max(1, round(share * epochs))
        base = recipe.edited({"training.epochs": length, "training.evaluate_every": None})
        first = recipe.training.seed
        question = Question(
            name="proof",
            base=base,
            axes=Axes(named=named),
            seeds=range(first, first + seeds),
            baseline=AS_IT_IS,
        )
        return prepare(question, means)

    whole = prepared(1.0)
    work = sum(stack.work for stack in whole.plan.stacks)
    alone = whole.variants[0].recipe
    assert alone is not None
    share = most * work_seconds(alone, whole.builder.examples_of(alone), 1) / work
    share = min(1.0, max(FEWEST, share))
    chosen = whole if share == 1.0 else prepared(share)
    with TemporaryDirectory(prefix="descend-") as root:
        return carry_on(lambda: begin(chosen, Path(root)), means, None, chosen), round(share, 3)


def _trained(comparison: Comparison) -> float:
    """The seconds in which all networks of a comparison were trained."""
    return sum(result.seconds for result in comparison.results)


def _tried(comparison: Comparison, tried: Sequence[Candidate]) -> list[Tried]:
    before = comparison[AS_IT_IS]
    return [_one(comparison, before, comparison[one.name], one) for one in tried]


def _one(comparison: Comparison, before: Row, row: Row, candidate: Candidate) -> Tried:
    seeds = len(comparison.seeds)
    learned_before = 0 if before.summary is None else before.summary.learned
    learned = None if row.summary is None else row.summary.learned
    pair, summary = row.pair, row.summary
    verdict = UNPROVEN
    if pair is not None and pair.verdict == BETTER:
        verdict = PROVEN
    elif pair is not None and pair.verdict == WORSE:
        verdict = HARMFUL
    elif before.summary is None or before.summary.mean is None:
        verdict = PROVEN if learned and learned > seeds / 2 else UNPROVEN
    return Tried(
        candidate=candidate,
        verdict=verdict,
        said=row.verdict,
        seeds=seeds,
        learned=learned,
        learned_before=learned_before,
        difference=None if pair is None else pair.difference,
        low=None if pair is None else pair.low,
        high=None if pair is None else pair.high,
        mean=None if summary is None else summary.mean,
    )
