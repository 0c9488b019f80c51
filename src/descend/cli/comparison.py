"""What is shown of a comparison: its plan, its progress, its table and its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from descend.cli import INTERRUPTED
from descend.cli.checks import put_checks, summed_up
from descend.cli.outcome import counted, duration
from descend.cli.output import put, put_json, put_table, say, styled
from descend.cli.progress import Rate, Teller, clock, telling
from descend.cli.texts import columns, put_wrapped, shortened, wrapped
from descend.runs.commands import command_for

if TYPE_CHECKING:
    from descend.comparison.comparing import Prepared
    from descend.comparison.comparison import Comparison, Row
    from descend.comparison.stacks import Advance

NARROW, WIDE = 18, 34  # columns that a variant's name has at least, and if there is room
LEFT_OUT_FIRST = ("time", "median", "sd")  # columns of the table that a narrow terminal lacks


class PlanShown(Exception):
    """The plan was all that was asked for."""


@dataclass(frozen=True)
class Stage:
    """How far a round of a comparison is; step: of all its stacks together."""

    round: int
    rounds: int
    done: int
    stacks: int
    step: int
    steps: int
    loss: float
    machine: None = None

    @property
    def share(self) -> float:
        return self.step / self.steps if self.steps else 0.0


class Narrator:
    """Says what is compared once it has begun, and how far it is."""

    def __init__(self, teller: Teller | None, quiet: bool) -> None:
        self.teller, self.quiet = teller, quiet

    @classmethod
    @contextmanager
    def telling(cls, quiet: bool) -> Iterator[Narrator]:
        """A narrator, while the comparison lasts."""
        with telling(quiet, parts_of) as teller:
            yield cls(teller, quiet)

    def begin(self, prepared: Prepared, story: str = "") -> None:
        """Tell the story and say what is about to be trained."""
        if story:
            put(f"{wrapped(story)}\n")
        say(headline(prepared), self.quiet)

    def tell(self, number: int, rounds: int, stacks: Sequence[str]) -> Callable[[Advance], None]:
        """What the stacks of a round are to be given as `tell`."""
        known: dict[str, Advance] = {}

        def see(advance: Advance) -> None:
            known[advance.stack] = advance
            if self.teller is None:
                return
            each = advance.steps
            steps = sum(known[name].steps if name in known else each for name in stacks)
            done = sum(one.step >= one.steps for one in known.values())
            step = sum(one.step for one in known.values())
            self.teller(Stage(number, rounds, done, len(stacks), step, steps, advance.loss))

        return see


def parts_of(stage: Stage, rate: Rate, digits: int) -> dict[str, str]:
    """Round, stacks, loss and time left, by name and in the order they are read."""
    parts = {"epoch": f"{stage.done} of {counted(stage.stacks, 'stack')}"}
    if stage.rounds > 1:
        parts = {"round": f"round {stage.round} of {stage.rounds}", **parts}
    parts["share"] = f"{100 * stage.share:.0f} %"
    parts["loss"] = f"loss {stage.loss:.{digits}g}"
    if rate.steps_per_second and stage.step < stage.steps:
        parts["left"] = f"{clock((stage.steps - stage.step) / rate.steps_per_second)} left"
    return parts


def headline(prepared: Prepared) -> str:
    """The question in a line: data, variants, seeds, metric, networks, stacks."""
    variants, seeds = len(prepared.variants), len(prepared.question.seeds)
    question = prepared.question
    of = f"{counted(variants, 'variant')} × {counted(seeds, 'seed')}"
    if question.search is not None:
        of = f"{question.search}: {variants} of {question.axes.samples:,} draws × {seeds} seeds"
    return " · ".join(
        [
            question.name,
            of,
            prepared.goal.metric,
            counted(len(prepared.plan.stacks), "stack"),
        ]
    )


def put_plan(prepared: Prepared, as_json: bool) -> None:
    """The stacks, what they need and how long they will take here."""
    from descend.comparison.plan import expected_seconds, spelled_bytes

    plan = prepared.plan
    seconds = expected_seconds(plan, prepared.variants, prepared.builder.examples_of)
    if as_json:
        put_json(
            {
                "variants": [
                    {"name": one.name, "edits": dict(one.edits), "reason": one.reason}
                    for one in prepared.variants
                ],
                "seeds": list(prepared.question.seeds),
                "metric": prepared.goal.metric,
                "target": {"metric": prepared.goal.mark_metric, "value": prepared.goal.mark},
                "rungs": list(prepared.rungs),
                "stacks": [
                    {"networks": len(stack.members), "bytes": stack.bytes} for stack in plan.stacks
                ],
                "processes": plan.processes,
                "bytes": plan.bytes,
                "expected_seconds": seconds,
            }
        )
        return
    put(headline(prepared))
    put()
    rows = []
    for number, stack in enumerate(plan.stacks, start=1):
        places = sorted({place for place, _ in stack.members})
        of = prepared.variants[places[0]].name
        more = "" if len(places) == 1 else f" and {len(places) - 1} more"
        room = columns(100) - 32
        name = shortened(of, room - len(more)) + more
        rows.append([str(number), str(len(stack.members)), spelled_bytes(stack.bytes), name])
    put_table(["stack", "networks", "memory", "variants"], rows, ">>><")
    put()
    for one in prepared.variants:
        if one.recipe is None:
            put_wrapped(f"{one.name}: cannot be built: {one.reason}")
    if prepared.rungs:
        rungs = ", ".join(f"{epoch:,}" for epoch in prepared.rungs)
        put_wrapped(
            f"after epoch {rungs} the best in {prepared.question.halving} variants go on: "
            "the time is that without it"
        )
    put(
        f"{plan.runs:,} networks, {counted(plan.processes, 'process').replace('sss', 'sses')}, "
        f"{spelled_bytes(plan.bytes)}, about {duration(seconds)}"
    )


def show(comparison: Comparison, as_json: bool) -> int:
    """Print a comparison as far as it is; returns the exit code."""
    if as_json:
        put_json(comparison.to_json())
    if comparison.status == "interrupted":
        say(f"interrupted; continue with: {command_for('resume', str(comparison.folder))}")
        return INTERRUPTED
    if not as_json:
        put_comparison(comparison)
    return 0


def put_comparison(comparison: Comparison) -> None:
    """The table of the variants, the verdict of each, and the conclusion."""
    count = len(comparison.rows)
    line = [
        comparison.name,
        f"{counted(count, 'variant')} × {counted(len(comparison.seeds), 'seed')}",
        comparison.goal.metric,
        duration(comparison.seconds),
    ]
    put(" · ".join(line))
    put()
    put_rows(comparison)
    put()
    put_verdicts(comparison)
    put()
    put_wrapped(comparison.conclusion)
    for note in comparison.notes:
        put_wrapped(f"note: {note}")
    if comparison.checks:
        put()
        put_expected(comparison)
    if comparison.folder is not None:
        put(f"comparison: {comparison.folder}")


def put_rows(comparison: Comparison) -> None:
    """A row for each variant, the best one first, as many columns as fit."""
    rows = comparison.best_first
    table = {name: [cell(row) for row in rows] for name, cell in CELLS.items()}
    if not any(table["time"]):
        del table["time"], table["steps"]
    longest = max(len(row.name) for row in rows)
    for name in LEFT_OUT_FIRST:
        if columns(100) - _width(table) >= min(longest, WIDE):
            break
        table.pop(name, None)
    room = max(NARROW, columns(100) - _width(table))
    names = [shortened(row.name, room) for row in rows]
    lines = [[name, *cells] for name, *cells in zip(names, *table.values(), strict=True)]
    put_table(["variant", *table], lines, "<" + ">" * len(table))
    goal = comparison.goal
    sign = "or more" if goal.mark_is_least else "or less"
    put_wrapped(
        f"95 %: interval of the mean. learn: networks that reached {goal.mark_metric} "
        f"{goal.mark:.4g} {sign}" + ("; steps: to it, median." if "steps" in table else ".")
    )


def put_verdicts(comparison: Comparison) -> None:
    """What the seeds show of each variant against the reference."""
    if comparison.reference is not None:
        kind = "the baseline" if comparison.is_baseline else "the best"
        name = comparison.rows[comparison.reference].name
        put(styled(f"beside {name}, {kind}:", bold=True))
    named: dict[str, list[str]] = {}
    for row in comparison.best_first:
        if row.place != comparison.reference:
            named.setdefault(row.verdict, []).append(row.name)
    for verdict, names in named.items():
        put_wrapped(f"{'; '.join(names)}: {verdict}", indent="  ")


def put_expected(comparison: Comparison) -> None:
    """The verdicts that the file expects, beside those that were found."""
    checks = comparison.checks
    rows = [(one.met, one.found or "none", one.expected, one.what) for one in checks]
    put_checks(rows, [check.why_not for check in checks])
    put(summed_up([check.met for check in checks]))


def _width(table: dict[str, list[str]]) -> int:
    """The columns that these take, with the spaces before them."""
    return sum(2 + max(map(len, [name, *cells])) for name, cells in table.items())


def _mean(row: Row) -> str:
    return _number(row, "mean") or row.reason_in_short


def _number(row: Row, name: str) -> str:
    value = None if row.summary is None else getattr(row.summary, name)
    if value is None:
        return ""
    # decimals that suit the mean suit its interval and its spread as well
    scale = abs(row.summary.mean) if row.summary and row.summary.mean else 0.0
    return f"{value:.4f}" if 0.01 <= scale < 10 else f"{value:.4g}"


def _interval(row: Row) -> str:
    low, high = _number(row, "low"), _number(row, "high")
    return f"{low} – {high}" if low and high else ""


def short_time(seconds: float) -> str:
    """As `duration`, milliseconds below a second."""
    return duration(seconds) if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _learned(row: Row) -> str:
    return "" if row.summary is None else f"{row.summary.learned}/{row.summary.seeds}"


CELLS: dict[str, Callable[[Any], str]] = {
    "mean": _mean,
    "sd": lambda row: _number(row, "std"),
    "median": lambda row: _number(row, "median"),
    "95 %": _interval,
    "learn": _learned,
    "steps": lambda row: "" if row.target_steps is None else f"{row.target_steps:,.0f}",
    "time": lambda row: "" if row.target_seconds is None else short_time(row.target_seconds),
}
