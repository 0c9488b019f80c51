"""Score: how many faults were found and rightly named, and how often the alarm was false."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from .cases import Case
from .verdicts import Named, Verdict

ALARMING = ("error", "warning")
SCORED = ("positive", "negative")
JUDGED = ("done", "too long", "crashed")  # in the last two nothing was found


@dataclass(frozen=True)
class Judged:
    """A case beside the verdict on it."""

    case: Case
    verdict: Verdict

    @property
    def alarms(self) -> list[Named]:
        """The findings that say that something is wrong, causes first."""
        return [named for named in self.verdict.named if named.severity in ALARMING]

    @property
    def is_scored(self) -> bool:
        return (
            self.case.use in SCORED and not self.case.is_duplicate and self.verdict.state in JUDGED
        )

    @property
    def is_detected(self) -> bool:
        return bool(self.alarms)

    @property
    def is_cause_first(self) -> bool:
        """Whether the first finding names a right cause."""
        return bool(self.alarms) and self._is_right(self.alarms[0])

    @property
    def is_cause_named(self) -> bool:
        """Whether any finding names a right cause."""
        return any(self._is_right(named) for named in self.alarms)

    @property
    def is_layer_right(self) -> bool:
        """Whether the first finding that has a layer has one where a known fault sits."""
        located = [named for named in self.alarms if named.layers]
        return bool(located) and not self.case.layers.isdisjoint(located[0].layers)

    def _is_right(self, named: Named) -> bool:
        return not self.case.right_causes.isdisjoint(named.causes)

    def to_json(self) -> dict[str, Any]:
        case = self.case
        document: dict[str, Any] = {
            "id": case.id,
            "origin": case.origin,
            "half": case.half,
            "role": case.role,
            "usable_as": case.use,
            "is_duplicate": case.is_duplicate,
            "is_scored": self.is_scored,
            "known": list(case.causes),
            "known_layers": sorted(case.layers),
            **self.verdict.to_json(),
        }
        if case.use != "negative":
            document |= {
                "is_detected": self.is_detected,
                "is_cause_first": self.is_cause_first,
                "is_cause_named": self.is_cause_named,
                "is_layer_right": self.is_layer_right if case.layers else None,
            }
        return document


def scored(judged: Iterable[Judged], use: str) -> list[Judged]:
    """Those that count."""
    return [one for one in judged if one.is_scored and one.case.use == use]


def share(judged: Sequence[Judged], holds: Callable[[Judged], bool]) -> float | None:
    """In how many of these it holds; None of none."""
    return sum(map(holds, judged)) / len(judged) if judged else None


def summary(judged: Sequence[Judged]) -> dict[str, Any]:
    """The fractions, each with the number of cases that it is of."""
    positives, negatives = scored(judged, "positive"), scored(judged, "negative")
    healthy = [one for one in negatives if not one.case.is_twin]
    fixed = [one for one in negatives if one.case.is_twin]
    cures = [one for one in positives if one.verdict.cure and one.verdict.cure.twin is not None]
    located = [one for one in positives if one.case.layers]
    return {
        "false_alarms_healthy": share(healthy, lambda one: one.is_detected),
        "false_alarms_fixed": share(fixed, lambda one: one.is_detected),
        "detected": share(positives, lambda one: one.is_detected),
        "cause_first": share(positives, lambda one: one.is_cause_first),
        "cause_named": share(positives, lambda one: one.is_cause_named),
        "layer_right": share(located, lambda one: one.is_layer_right),
        "cured": share(cures, lambda one: bool(one.verdict.cure and one.verdict.cure.is_cured)),
        "proof_cost": _dearest_proof(positives),
        "budget": _budget(positives),
        "budget_negatives": _budget(negatives),
        "of": {
            "healthy": len(healthy),
            "fixed": len(fixed),
            "positive": len(positives),
            "with_layer": len(located),
            "with_twin": len(cures),
        },
        "states": counted(one.verdict.state for one in judged),
    }


def _dearest_proof(judged: Sequence[Judged]) -> float | None:
    """What the dearest proof cost, in ordinary trainings."""
    cures = [one.verdict.cure for one in judged if one.verdict.cure is not None]
    return max((cure.cost for cure in cures if cure.cost is not None), default=None)


def _budget(judged: Sequence[Judged]) -> float | None:
    """The median share of the planned training until the verdict."""
    known = [one.verdict.budget for one in judged if one.verdict.budget is not None]
    return median(known) if known else None


def counted(words: Iterable[str]) -> Mapping[str, int]:
    """How often each word comes, the most frequent first."""
    counts: dict[str, int] = {}
    for word in words:
        counts[word] = counts.get(word, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
