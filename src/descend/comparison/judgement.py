"""Judgement: the verdicts that a comparison should come to, beside those that it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from descend.comparison.expected import HIGHER, LOWER, ExpectedVerdict
from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal, is_higher_better
from descend.comparison.pair import BETTER, UNDECIDED, WORSE, Pair
from descend.comparison.results import Result, matrix
from descend.comparison.statistics import pairs
from descend.lab_numbers import Traced, measurement
from descend.recipe import Recipe
from descend.runs import files

if TYPE_CHECKING:
    import polars

ENDED = ("finished", "diverged", "stopped early")


@dataclass(frozen=True)
class VerdictCheck:
    """An expected verdict beside the one that was found; met is None where they are not judged.

    mean, mean_of_other: of what is compared, over the seeds in which it is known.
    """

    what: str
    variant: str
    than: str | None
    found: str | None
    expected: str
    met: bool | None
    why_not: str
    mean: float | None = None
    mean_of_other: float | None = None

    def to_json(self) -> dict[str, Any]:
        """This check as plain data."""
        return dict(vars(self))


@dataclass(frozen=True)
class Judge:
    """What a comparison's expectations are held against.

    reference: the place of the variant that the comparison held the others against; is_best:
    whether it was picked because it is best.
    """

    folder: ComparisonFolder
    names: Sequence[str]
    results: Sequence[Result]
    seeds: Sequence[int]
    goal: Goal
    reference: int | None
    is_best: bool

    def check(self, expected: ExpectedVerdict, why_not: str = "") -> VerdictCheck:
        """One expectation; why_not: the reason for which it is shown and not judged."""
        metric = self.goal.metric if expected.quantity is None else None
        expected = expected.completed(metric, None)
        found, mean, other = self._verdict(expected)
        if found is None:
            why_not = why_not or "a variant that it is about was not trained to its end"
        return VerdictCheck(
            what=expected.what,
            variant=expected.variant,
            than=expected.than,
            found=found,
            expected=expected.verdict,
            met=None if why_not else found == expected.verdict,
            why_not=why_not,
            mean=mean,
            mean_of_other=other,
        )

    def _verdict(self, expected: ExpectedVerdict) -> tuple[str | None, float | None, float | None]:
        judging = [place for place in range(len(self.names)) if self._has_ended(place)]
        sides = [self._place(expected.variant), self._place(expected.than)]
        if not all(side in judging for side in sides):
            return None, None, None
        row, against = (judging.index(side) for side in sides if side is not None)
        values = self._values(expected, judging)
        higher = expected.quantity is not None or is_higher_better(str(expected.metric))
        is_of_the_table = sides[1] == self.reference and expected.metric == self.goal.metric
        pair = pairs(values, against, higher, against_best=is_of_the_table and self.is_best)[row]
        return _said(pair, expected), _mean(values[row]), _mean(values[against])

    def _values(self, expected: ExpectedVerdict, judging: Sequence[int]) -> NDArray[np.float64]:
        """What is compared, as (variants, seeds)."""
        if expected.quantity is None:
            return matrix(self.results, judging, self.seeds, str(expected.metric))
        values = np.full((len(judging), len(self.seeds)), np.nan)
        traces: dict[str, polars.DataFrame] = {}
        for result in self.results:
            if result.variant not in judging or not result.stack:
                continue
            if result.stack not in traces:
                traces[result.stack] = files.read_table(self.folder.stack(result.stack).trace)
            trace = traces[result.stack]
            found = measurement(expected, Traced.of(trace, result.run))
            place = judging.index(result.variant), self.seeds.index(result.seed)
            values[place] = np.nan if found is None else found
        return values

    def _of(self, name: str | None) -> list[Result]:
        return [one for one in self.results if self.names[one.variant] == name]

    def _has_ended(self, place: int) -> bool:
        own = self._of(self.names[place])
        return bool(own) and all(result.status in ENDED for result in own)

    def _place(self, name: str | None) -> int | None:
        return self.names.index(name) if name in self.names else None


def why_not(
    expected: ExpectedVerdict,
    written: tuple[Recipe, Sequence[int]],
    trained: tuple[Recipe, Sequence[int]],
    *,
    has_arrays: bool = False,
) -> str:
    """Why an expectation cannot be judged, empty where it can.

    written, trained: the recipe and the seeds that it is about, and those that there are.
    """
    changes = written[0].differences(trained[0])
    changes.pop("training.seed", None)
    if has_arrays or "data.source" in changes:
        return f"other data: {'arrays' if has_arrays else changes['data.source']}"
    if set(changes) == {"training.epochs"}:
        return f"another number of epochs: {changes['training.epochs']}"
    if changes:
        return "the recipe was edited"
    own, count = len(written[1]), len(trained[1])
    if count < own:
        return f"fewer seeds: {count} of {own}"
    if count > own and expected.verdict == UNDECIDED:
        return f"more seeds, which may show it: {count} for {own}"
    return ""


def judge_all(judge: Judge, expected: Sequence[Mapping[str, Any]]) -> list[VerdictCheck]:
    """The checks of expectations as `comparison.json` keeps them, each with its `why_not`."""
    checks = []
    for document in expected:
        fields = {name: value for name, value in document.items() if name != "why_not"}
        one = ExpectedVerdict.model_validate(fields)
        checks.append(judge.check(one, document["why_not"]))
    return checks


def _said(pair: Pair | None, expected: ExpectedVerdict) -> str | None:
    if pair is None or expected.quantity is None:
        return None if pair is None else pair.verdict
    return {BETTER: HIGHER, WORSE: LOWER}.get(pair.verdict, pair.verdict)


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return fmean(known.tolist()) if len(known) else None
