"""Comparison: what is known of its variants when they are trained, with the verdict over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from descend.comparison.goal import Goal
from descend.comparison.judgement import VerdictCheck
from descend.comparison.pair import Pair
from descend.comparison.results import Result, matrix, table
from descend.comparison.statistics import Summary, best, pairs, summaries
from descend.comparison.variants import Variant
from descend.comparison.verdict import conclusion, sentence

if TYPE_CHECKING:
    import polars


@dataclass(frozen=True)
class Row:
    """One variant: its place, how its networks ended, and how it stands to the reference.

    summary, pair: None where nothing can be said; reason: then, why. metrics: the mean of each
    final metric over the networks that have it. epochs: of the longest. target_steps: median of
    the steps to the mark over the networks that reached it. seconds: of one network, its
    share of its stack.
    """

    place: int
    name: str
    edits: Mapping[str, Any]
    summary: Summary | None
    metrics: Mapping[str, float]
    epochs: int
    diverged: int
    target_steps: float | None
    target_seconds: float | None
    seconds: float | None
    pair: Pair | None
    verdict: str
    reason: str = ""

    @property
    def reason_in_short(self) -> str:
        """Why there are no numbers, in a word or two."""
        return (
            self.verdict.partition(":")[0].partition(" after ")[0] if self.summary is None else ""
        )

    def to_json(self) -> dict[str, Any]:
        document = {**vars(self), "edits": dict(self.edits), "metrics": dict(self.metrics)}
        for name in ("summary", "pair"):
            document[name] = None if document[name] is None else asdict(document[name])
        return document


# The columns of a summary, the same ones whatever its rows lack: whose fields, and what stands
# before their names.
COLUMNS: tuple[tuple[type, Sequence[str], str], ...] = (
    (Row, ("name", "verdict", "reason"), ""),
    (Summary, [one.name for one in fields(Summary)], ""),
    (Row, ("diverged", "target_steps", "target_seconds", "seconds"), ""),
    (Pair, [one.name for one in fields(Pair) if one.name != "verdict"], "pair_"),
)


@dataclass(frozen=True, eq=False)
class Comparison:
    """Variants beside each other over the same seeds.

    folder: where it lies, or None; status: "finished" or "interrupted"; rows: a row for each
    variant, in the order given; reference: the place of the variant that all others are paired
    with, the baseline or the best; seconds: that it took; checks: the verdicts that its file
    expects, beside those that were found; notes: what should be known of how it was trained.
    """

    folder: Path | None
    name: str
    status: str
    goal: Goal
    seeds: Sequence[int]
    rows: Sequence[Row]
    reference: int | None
    is_baseline: bool
    conclusion: str
    seconds: float
    checks: Sequence[VerdictCheck]
    notes: Sequence[str]
    results: Sequence[Result] = field(repr=False)
    variants: Sequence[Variant] = field(repr=False)

    def __repr__(self) -> str:
        return f"<Comparison of {self.name}, {self.status}: {self.conclusion}>"

    @property
    def table(self) -> polars.DataFrame:
        """One row for each network: variant, seed, how it ended and its final metrics."""
        return table(self.results, self.variants)

    @property
    def summary(self) -> polars.DataFrame:
        """One row for each variant: statistics, and the test against the reference."""
        import polars

        types = {"str": polars.String, "int": polars.Int64, "float": polars.Float64}
        columns = []
        for noun, names, prefix in COLUMNS:
            parts = [{Row: row, Summary: row.summary, Pair: row.pair}[noun] for row in self.rows]
            kinds = {one.name: str(one.type).partition(" ")[0] for one in fields(noun)}
            for name in names:
                values = [getattr(part, name, None) for part in parts]
                columns.append(polars.Series(prefix + name, values, types[kinds[name]]))
        return polars.DataFrame(columns).rename({"name": "variant"})

    @property
    def is_as_expected(self) -> bool:
        """Whether no verdict that could be judged came out otherwise."""
        return all(check.met is not False for check in self.checks)

    @property
    def best_first(self) -> list[Row]:
        """The rows by their mean; then those without one, those that were dropped last first."""
        sign = -1.0 if self.goal.higher_is_better else 1.0

        def merit(row: Row) -> tuple[bool, int, float]:
            mean = None if row.summary is None else row.summary.mean
            reached = row.metrics.get(self.goal.metric, math.inf * sign)
            if mean is not None:
                return (False, 0, sign * mean)
            return (True, -row.epochs, sign * reached)

        return sorted(self.rows, key=merit)

    @property
    def best(self) -> str | None:
        """The name of the variant with the best mean, None where none has one."""
        first = self.best_first[0]
        return None if first.summary is None or first.summary.mean is None else first.name

    def __getitem__(self, name: str) -> Row:
        """The row of a variant by its name; KeyError names those that exist."""
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"{name!r} is none of {', '.join(row.name for row in self.rows)}")

    def to_json(self) -> dict[str, Any]:
        """The document that `compare --json` prints."""
        reference = None if self.reference is None else self.rows[self.reference].name
        return {
            "comparison": None if self.folder is None else str(self.folder),
            "name": self.name,
            "status": self.status,
            "metric": self.goal.metric,
            "target": {"metric": self.goal.mark_metric, "value": self.goal.mark},
            "seeds": list(self.seeds),
            "best": self.best,
            "reference": reference,
            "reference_is": "baseline" if self.is_baseline else "best",
            "conclusion": self.conclusion,
            "notes": list(self.notes),
            "variants": [row.to_json() for row in self.rows],
            "checks": [check.to_json() for check in self.checks],
            "is_as_expected": self.is_as_expected,
            "seconds": self.seconds,
        }


def judged(
    variants: Sequence[Variant],
    results: Sequence[Result],
    seeds: Sequence[int],
    goal: Goal,
    baseline: str | None,
) -> tuple[list[Row], int | None, str]:
    """The rows of a comparison, the place of its reference, and its conclusion."""
    of = {place: [one for one in results if one.variant == place] for place in range(len(variants))}
    judging = [place for place, own in of.items() if own and all(map(_counts, own))]
    values = matrix(results, judging, seeds, goal.metric)
    learned = [[goal.is_reached(v) for v in row] for row in _marks(results, judging, seeds, goal)]
    known = dict(zip(judging, summaries(values, learned) if judging else [], strict=True))
    names = [variant.name for variant in variants]
    row_of_best = best(values, goal.higher_is_better) if judging else None
    at = names.index(baseline) if baseline is not None else None
    reference = judging.index(at) if at in judging else None if baseline else row_of_best
    made: dict[int, Pair | None] = {}
    missing = "no variant was" if baseline is None else f"the baseline {baseline} was not"
    said = f"Nothing can be compared: {missing} trained to its end."
    if reference is not None:
        is_best = baseline is None
        found = pairs(values, reference, goal.higher_is_better, against_best=is_best)
        made = dict(zip(judging, found, strict=True))
        labels = [names[place] for place in judging]
        said = conclusion(labels, found, reference, goal.metric, against_best=is_best)
    if dropped := len({one.variant for one in results if one.status == "dropped"}):
        said = said if len(judging) > 1 else f"{names[judging[0]]} is the last one left."
        said = f"{dropped} of {len(variants)} variants were dropped on the way. {said}"
    place = None if reference is None else judging[reference]
    rows = [
        _row(number, variant, of[number], known.get(number), made.get(number), goal, place)
        for number, variant in enumerate(variants)
    ]
    return rows, place, said


def _counts(result: Result) -> bool:
    return result.status in ("finished", "diverged", "stopped early")


def _marks(
    results: Sequence[Result], judging: Sequence[int], seeds: Sequence[int], goal: Goal
) -> list[list[float]]:
    marks: list[list[float]] = matrix(results, judging, seeds, goal.mark_metric).tolist()
    return marks


def _row(
    place: int,
    variant: Variant,
    results: Sequence[Result],
    summary: Summary | None,
    pair: Pair | None,
    goal: Goal,
    reference: int | None,
) -> Row:
    steps = [one.target_step for one in results if one.target_step is not None]
    times = [
        one.seconds * one.target_epoch / one.epochs
        for one in results
        if one.target_epoch is not None and one.epochs
    ]
    trained = [one for one in results if one.epochs]
    names = dict.fromkeys(name for one in results for name in one.metrics)
    means = {
        name: fmean(values)
        for name in names
        if (values := [v for one in results if math.isfinite(v := one.value(name))])
    }
    reason = variant.reason or next((one.reason for one in results if one.reason), "")
    return Row(
        place=place,
        name=variant.name,
        edits=variant.edits,
        summary=summary,
        metrics=means,
        epochs=max((one.epochs for one in results), default=0),
        diverged=sum(one.status == "diverged" for one in results),
        target_steps=median(steps) if steps else None,
        target_seconds=median(times) if times else None,
        seconds=fmean(one.seconds for one in trained) if trained else None,
        pair=pair,
        verdict=_verdict(variant, results, pair, means, goal, is_reference=place == reference),
        reason=reason,
    )


def _verdict(
    variant: Variant,
    results: Sequence[Result],
    pair: Pair | None,
    means: Mapping[str, float],
    goal: Goal,
    is_reference: bool,
) -> str:
    """What a variant's row says in words."""
    if variant.recipe is None:
        return f"cannot be built: {variant.reason}"
    if pair is not None:
        return sentence(pair, goal.metric)
    if is_reference:
        return "the reference"
    if failed := next((one for one in results if one.status == "failed"), None):
        return f"failed: {failed.reason}"
    if dropped := [one for one in results if one.status == "dropped"]:
        reached = f" at {means[goal.metric]:.4g}" if goal.metric in means else ""
        return f"dropped after epoch {max(one.epochs for one in dropped):,}{reached}"
    if results and all(one.status == "diverged" for one in results):
        return f"diverged in all {len(results)} seeds" if len(results) > 1 else "diverged"
    return "not trained to its end"
