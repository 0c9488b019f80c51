"""Proof: what became of a recipe's candidate cures, the best first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from descend.comparison.comparison import Row
from descend.comparison.pair import BETTER, WORSE
from descend.diagnosis.candidates import ANEW, Candidate
from descend.diagnosis.proof_plan import AS_IT_IS, Length, Trained
from descend.findings.finding import Finding

AS_GOOD = 0.05  # of accuracy or r²: for less nobody changes more of a recipe
MUCH = 0.1  # of it: for less nobody changes all of it
LESS = 0.95  # of all steps: with fewer it is a part

PROVEN, UNPROVEN, HARMFUL = "proven", "unproven", "harmful"
ORDER = {PROVEN: 0, UNPROVEN: 1, HARMFUL: 2}


@dataclass(frozen=True)
class Tried:
    """A candidate beside the recipe as it is.

    learned, learned_before: how many seeds of all reach the mark with it, and without it.
    difference, low, high: of the metric, with a 95 % interval; None where it was left out after the
    first round or could not be built. mean: of the metric. verdict: "proven", "unproven" or
    "harmful"; said: why, in a sentence. cost: of a whole training with it, in trainings of the
    recipe as it is; share: of that training's steps that were taken; None of one that could not be
    built. is_cut: whether the whole of it would cost too much, so that it may do better yet.
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
    cost: float | None = None
    share: float | None = None
    is_cut: bool = False

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

    cure: the candidate that cures best; where none does the best that is proven to help, and None
    where none is. cost: the work of all networks, in ordinary trainings of the recipe; share: of
    its steps that were taken in the last round, with `seeds` seeds.
    """

    tried: Sequence[Tried]
    metric: str
    seeds: int
    share: float
    cost: float
    seconds: float

    @property
    def cure(self) -> Candidate | None:
        best = next((one for one in self.tried if one.verdict == PROVEN), None)
        return None if best is None else best.candidate

    @property
    def unproven(self) -> Candidate | None:
        """What a finding named and only a part of could be tried, where nothing was proven.

        The whole of it would cost more than the proof may; the part has done no harm.
        """
        cut = [one for one in self.tried if one.candidate.codes and one.is_cut]
        open_ones = [one for one in cut if one.verdict == UNPROVEN]
        return open_ones[0].candidate if open_ones and self.cure is None else None

    @property
    def is_cure(self) -> bool:
        """Whether most networks learn with it."""
        return any(one.cures for one in self.tried)

    def verdict_on(self, finding: Finding) -> str:
        """Whether a remedy that this finding named is proven to help, by its own doing."""
        own = [one for one in self.tried if finding.code in one.candidate.codes]
        proven = [one for one in own if one.verdict == PROVEN]
        is_proven = any(not self._is_by_others(one, finding.code) for one in proven)
        return PROVEN if is_proven else UNPROVEN

    def _is_by_others(self, combined: Tried, code: str) -> bool:
        """Whether the edits in it that this finding has not named bring as many seeds to learn."""
        edits = combined.candidate.edits
        parts = [
            one
            for one in self.tried
            if code not in one.candidate.codes
            and one.candidate.edits.items() < edits.items()
            and one.learned is not None
        ]
        share = (combined.learned or 0) / combined.seeds
        return any((one.learned or 0) / one.seeds >= share for one in parts)

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


def mean_of(row: Row) -> float | None:
    """The mean of a variant's metric; None where it has none."""
    return None if row.summary is None else row.summary.mean


def best_first(tried: Sequence[Tried], sign: int) -> list[Tried]:
    """Cures first, by their metric; of those as good, what a finding named, then the fewest edits.

    What changes all of a recipe must be better by much. Where nothing cures, what a finding named
    and what helps though only a part of its steps was trained comes before what may be all that
    there is to it.
    """

    def worth(one: Tried) -> float:
        if one.mean is None:
            return -math.inf
        return sign * one.mean - (MUCH if one.candidate.name == ANEW else 0.0)

    best = max((worth(one) for one in tried if one.cures), default=math.inf)

    def key(one: Tried) -> Any:
        mean = worth(one)
        is_as_good = mean >= best - AS_GOOD
        return (
            not one.cures,
            not is_as_good,
            (not one.candidate.codes, len(one.candidate.edits)) if is_as_good else (),
            ORDER[one.verdict],
            not (one.candidate.codes and one.is_cut),
            -mean,
        )

    return sorted(tried, key=key)


def last_round(trained: Trained, candidate: Candidate, lengths: Mapping[str, Length]) -> Tried:
    """What became of a candidate in the last round."""
    comparison, seeds = trained.comparison, len(trained.comparison.seeds)
    before, row = comparison[AS_IT_IS], comparison[candidate.name]
    learned = None if row.summary is None else row.summary.learned
    pair = row.pair
    verdict = UNPROVEN
    if pair is not None and pair.verdict == BETTER:
        verdict = PROVEN
    elif pair is not None and pair.verdict == WORSE:
        verdict = HARMFUL
    elif before.summary is None or before.summary.mean is None:
        verdict = PROVEN if learned and learned > seeds / 2 else UNPROVEN
    tried = _tried(trained, candidate, lengths, verdict, row.verdict)
    if pair is None:
        return tried
    return replace(tried, difference=pair.difference, low=pair.low, high=pair.high)


def left_out(trained: Trained, candidate: Candidate, lengths: Mapping[str, Length]) -> Tried:
    """What became of one that others beat in the first round, or that could not be built."""
    row = trained.comparison[candidate.name]
    said = "others did better in the first round" if row.summary else row.verdict
    return _tried(trained, candidate, lengths, UNPROVEN, said)


def _tried(
    trained: Trained,
    candidate: Candidate,
    lengths: Mapping[str, Length],
    verdict: str,
    said: str,
) -> Tried:
    before, row = trained.comparison[AS_IT_IS], trained.comparison[candidate.name]
    length = lengths.get(candidate.name)
    return Tried(
        candidate=candidate,
        verdict=verdict,
        said=said,
        seeds=len(trained.comparison.seeds),
        learned=None if row.summary is None else row.summary.learned,
        learned_before=0 if before.summary is None else before.summary.learned,
        mean=mean_of(row),
        cost=None if length is None else length.cost,
        share=None if length is None else length.taken(trained.share),
        is_cut=length is not None and length.steps < LESS * length.planned,
    )
