"""Comparing: from a question to a folder, from the folder to stacks, from stacks to an answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event
from time import perf_counter
from typing import Any

from descend.comparison.axes import Axes
from descend.comparison.comparison import Comparison, judged
from descend.comparison.cost import cores, free_bytes, steps_of
from descend.comparison.crew import train_here, train_in_processes
from descend.comparison.expected import ExpectedVerdict
from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal
from descend.comparison.judgement import Judge, judge_all
from descend.comparison.plan import Plan, plan
from descend.comparison.results import collect
from descend.comparison.rounds import (
    Member,
    PlannedStack,
    Round,
    Source,
    rungs,
    sources_of,
    survivors,
)
from descend.comparison.search import Search, attempting, batches, search_facts, values_of
from descend.comparison.stacks import Stop, TellAdvance
from descend.comparison.variants import Builder, Variant
from descend.compute import device_named, threads_for
from descend.data.examples import Examples
from descend.errors import RecipeError, RunError
from descend.intake import Arrays
from descend.recipe import Recipe
from descend.recipe.fields import plain
from descend.recipe.names import nearest
from descend.runs import files
from descend.runs.edits import seeded
from descend.runs.facts import data_facts, first_facts, setting
from descend.runs.folder import RunFolder
from descend.runs.interrupts import stopping_on_interrupt
from descend.training.joining import can_join, join

Origin = tuple[tuple[Member, ...], tuple[Source, ...]]

TellRound = Callable[[int, int, Sequence[str]], TellAdvance]
"""Called with a round's number from 1, the rounds in all, and its stacks; told of their steps."""

MOST_RUNS = 10_000  # more networks than anybody wants by accident


@dataclass(frozen=True, eq=False)
class Question:
    """What is compared: a base recipe, what varies, seeds, goal and how it is searched.

    search: the sampler that chooses the draws of the axes, `batch` of them at a time.
    expected: the verdicts that should come out, each with the reason why it is not judged, or "".
    """

    name: str
    base: Recipe
    axes: Axes
    seeds: Sequence[int]
    metric: str | None = None
    target: float | None = None
    baseline: str | None = None
    halving: int | None = None
    search: str | None = None
    batch: int | None = None
    expected: Sequence[tuple[ExpectedVerdict, str]] = ()


@dataclass(frozen=True, eq=False)
class Means:
    """With what it is compared: data, device, memory in bytes, processes."""

    data: Examples | Arrays | None = None
    data_dir: Path | str | None = None
    device: str = "auto"
    memory: int | None = None
    processes: int | None = None


@dataclass(frozen=True, eq=False)
class Prepared:
    """A question with its variants built and its first round planned."""

    question: Question
    builder: Builder
    variants: Sequence[Variant]
    goal: Goal
    rungs: Sequence[int]
    plan: Plan
    facts: Mapping[str, Any]


def prepare(question: Question, means: Means, *, is_large_allowed: bool = False) -> Prepared:
    """Build every variant and plan the stacks; nothing is written and nothing trained."""
    count = question.axes.count * len(question.seeds)
    if count > MOST_RUNS and not is_large_allowed:
        raise RecipeError(
            f"a comparison must have {MOST_RUNS:,} networks at most unless it is meant: "
            f"{question.axes.count:,} variants × {len(question.seeds):,} seeds are {count:,}",
            hint="`--yes` trains them all, `--sample` and `--halving` search with fewer",
        )
    for name, given in (("processes", means.processes), ("memory", means.memory)):
        if given is not None and (not isinstance(given, int) or given < 1):
            raise RunError(f"`{name}` must be a whole number, 1 or more: {given!r}")
    builder = Builder(means.data, means.data_dir, question.metric, question.target)
    device = device_named(means.device)
    processes = means.processes or cores()
    memory = means.memory or free_bytes() // 2
    busy = processes if device.type == "cpu" else 1
    variants, search = _first_variants(question, builder, memory, busy)
    _check_baseline(question.baseline, variants)
    assert builder.goal is not None and builder.examples is not None
    members = [
        (place, seed)
        for place, variant in enumerate(variants)
        if variant.recipe is not None
        for seed in question.seeds
    ]
    planned = plan(
        variants,
        members,
        builder.examples_of,
        processes=busy,
        memory=memory,
        is_on_cpu=device.type == "cpu",
    )
    of_data = data_facts(
        builder.examples, is_from_arrays=means.data is not None, data_dir=means.data_dir
    )
    epochs = [] if question.halving is None else rungs(variants, question.halving)
    facts = {
        "name": question.name,
        "status": "running",
        "seeds": list(question.seeds),
        "goal": asdict(builder.goal),
        "baseline": question.baseline,
        "expected": [{**plain(one), "why_not": why} for one, why in question.expected],
        "variants": [variant.to_json() for variant in variants],
        "search": search,
        "halving": question.halving,
        "rungs": epochs,
        "rounds": [_new_round(planned, 0, epochs[0] if epochs else None).to_json()],
        "device": device.type,
        "processes": planned.processes,
        "memory": memory,
        "data": of_data,
        **setting(device),
    }
    return Prepared(question, builder, variants, builder.goal, epochs, planned, facts)


def begin(prepared: Prepared, out: Path | str) -> ComparisonFolder:
    """Make the folder of a comparison; nothing is trained yet."""
    question = prepared.question
    return ComparisonFolder.create(out, question.name, question.base, prepared.facts)


def carry_on(
    find: Callable[[], ComparisonFolder],
    means: Means,
    tell: TellRound | None,
    prepared: Prepared | None = None,
) -> Comparison:
    """Train what is left of a comparison, round after round, and judge it.

    The first Ctrl-C stops it in good order, the second one at once. prepared: what a new one has
    loaded and built already.
    """
    wish = Event()
    with stopping_on_interrupt(wish.set):
        folder = find()
        with folder.locked():
            work = _Work(folder, means, tell, wish.is_set, prepared)
            return work.comparison() if work.facts["status"] == "finished" else work.run()


def read(folder: ComparisonFolder) -> Comparison:
    """A comparison as it stands in its folder; needs no data."""
    facts = folder.read_facts()
    return _read(folder, facts, _variants(folder, facts))


class _Work:
    def __init__(
        self,
        folder: ComparisonFolder,
        means: Means,
        tell: TellRound | None,
        stop: Stop,
        prepared: Prepared | None,
    ) -> None:
        self.folder, self.means = folder, means
        self.tell, self.stop = tell, stop
        self.facts = folder.read_facts()
        if prepared is None:
            self.variants: Sequence[Variant] = _variants(folder, self.facts)
            self.builder = Builder(means.data, means.data_dir or self.facts["data"]["folder"])
        else:
            self.variants, self.builder = prepared.variants, prepared.builder
        self.search: Search | None = None
        self.began: float = perf_counter() - self.facts.get("seconds", 0.0)

    def run(self) -> Comparison:
        """All rounds that are left."""
        self._check_data()
        self.note(status="running")
        while True:
            rounds = [Round.from_json(one) for one in self.facts["rounds"]]
            self._make(rounds)
            self._train(rounds)
            if self.stop():
                self.note(status="interrupted")
                return self.comparison()
            following = self._next(rounds)
            if following is None:
                break
            self.note(rounds=[*self.facts["rounds"], following.to_json()])
        self.folder.tidy()
        comparison = replace(self.comparison(), status="finished", seconds=self.seconds)
        files.write_table(self.folder.results, comparison.table)
        files.write_table(self.folder.summary, comparison.summary)
        result = comparison.to_json()
        self.note(status="finished", seconds=comparison.seconds, result=result)
        return comparison

    def note(self, **facts: Any) -> None:
        """Keep facts in comparison.json."""
        self.facts |= {"seconds": self.seconds, **facts}
        self.folder.write_facts(self.facts)

    @property
    def seconds(self) -> float:
        """Since the comparison began, the time between an interruption and its end left out."""
        return round(perf_counter() - self.began, 3)

    def comparison(self) -> Comparison:
        return _read(self.folder, self.facts, self.variants)

    def _check_data(self) -> None:
        known = self.facts["data"]
        if known["is_from_arrays"] and self.means.data is None:
            raise RunError(
                "the arrays must be given again for a comparison that was trained on arrays: "
                f"{str(self.folder.path)!r}",
                hint="descend.resume_comparison(comparison, data=(x, y))",
            )
        first = next(variant.recipe for variant in self.variants if variant.recipe is not None)
        examples = self.builder.examples_of(first)
        if examples.fingerprint != known["fingerprint"]:
            raise RunError(
                "the data must be those that the comparison began with: "
                f"{examples.name} has another fingerprint",
                hint="restore the data, or compare anew",
            )
        self.builder.goal, self.builder.examples = Goal(**self.facts["goal"]), examples

    def _make(self, rounds: Sequence[Round]) -> None:
        """The folders of the last round's stacks, those that are not there yet."""
        last = rounds[-1]
        for stack in last.stacks:
            if not self.folder.has_stack(stack.name):
                self._make_stack(stack, last.until)
        if len(rounds) > 1:
            for stack in rounds[-2].stacks:
                self._leave(stack.name)

    def _make_stack(self, stack: PlannedStack, until: int | None) -> None:
        recipes = [seeded(self._recipe(variant), seed) for variant, seed in stack.members]
        examples = self.builder.examples_of(recipes[0])
        device = device_named(self.facts["device"])
        is_alone = self.facts["processes"] == 1
        threads = threads_for(recipes, examples, device) if is_alone else 1
        name = f"{self.facts['name']} {stack.name}"
        facts = first_facts(name, recipes, device, threads, self.facts["data"])
        facts["curve_every"] = recipes[0].training.evaluate_every or 1
        if until is not None:
            facts["until"] = until * steps_of(recipes[0], examples)[0]
        facts["starts_from_model"] = bool(stack.sources)  # without its checkpoint it is lost
        state = None
        if stack.sources:
            state = join([(self._state(one.stack), one.runs) for one in stack.sources])
        place = self.folder.stack(stack.name).path
        RunFolder.create_at(place, recipes[0], facts, examples.preparation, state)

    def _leave(self, name: str) -> None:
        """Those of a stack who go on have been taken; its checkpoint is of no use any more."""
        stack = self.folder.stack(name)
        facts = stack.read_facts()
        if facts["status"] == "paused":
            stack.write_facts({**facts, "status": "joined"})
        stack.drop_checkpoint()

    def _state(self, name: str) -> Mapping[str, Any]:
        state = self.folder.stack(name).read_checkpoint()
        if state is None:
            raise RunError(
                f"a stack that goes on must have a checkpoint: {name!r} has none",
                hint="compare anew: files of this comparison are missing",
            )
        return state

    def _train(self, rounds: Sequence[Round]) -> None:
        names = [stack.name for stack in rounds[-1].stacks]
        search = self.facts.get("search")
        planned = batches(search) if search else len(self.facts["rungs"]) + 1
        count = max(planned, len(rounds))
        tell = None if self.tell is None else self.tell(len(rounds), count, names)
        tell = tell or (lambda _: None)
        processes = min(self.facts["processes"], len(names))
        if processes > 1:
            train_in_processes(self.folder, names, self._examples_for, tell, self.stop, processes)
        else:
            train_here(self.folder, names, self._examples_for, tell, self.stop)

    def _examples_for(self, stack: RunFolder) -> Examples:
        return self.builder.examples_of(Recipe.read(stack.recipe))

    def _recipe(self, variant: int) -> Recipe:
        recipe = self.variants[variant].recipe
        assert recipe is not None
        return recipe

    def _next(self, rounds: Sequence[Round]) -> Round | None:
        """The round after these, None after the last one."""
        if self.facts.get("search"):
            return self._searched(rounds)
        if len(rounds) > len(self.facts["rungs"]):
            return None
        last, metric = rounds[-1], self.facts["goal"]["metric"]
        results = collect(self.folder, rounds, Goal(**self.facts["goal"]), self.variants)
        begun = [one for one in results if one.epochs and one.variant in last.variants]
        scores = {
            place: [one.value(metric) for one in begun if one.variant == place]
            for place in dict.fromkeys(one.variant for one in begun)
        }
        # what the others are compared with goes on, however it does
        kept = [place for place in scores if self.variants[place].name == self.facts["baseline"]]
        others = {place: own for place, own in scores.items() if place not in kept}
        going = [*kept, *survivors(others, metric, self.facts["halving"])]
        # those that have diverged or stopped early are at their end already
        members = [
            (one.variant, one.seed)
            for one in begun
            if one.variant in going and one.status == "waiting"
        ]
        return self._continued(rounds, members) if members else None

    def _searched(self, rounds: Sequence[Round]) -> Round | None:
        """A round of what the sampler asks for when it is told how the last one did."""
        goal, seeds = Goal(**self.facts["goal"]), self.facts["seeds"]
        if self.search is None:
            self.search = Search(self.facts["search"], self.variants, goal.higher_is_better)
        values = values_of(collect(self.folder, rounds, goal, self.variants), seeds, goal)
        base, most = (
            Recipe.read(self.folder.recipe),
            (self.facts["memory"], self.facts["processes"]),
        )
        places = self.search.more(values, attempting(self.builder, base, *most))
        self.variants = self.search.variants
        self.facts |= {
            "variants": [variant.to_json() for variant in self.variants],
            "search": self.search.to_json(),
        }
        members = [(place, seed) for place in places for seed in seeds]
        return _new_round(self._plan(members), len(rounds)) if members else None

    def _plan(self, members: Sequence[Member]) -> Plan:
        return plan(
            self.variants,
            members,
            self.builder.examples_of,
            processes=self.facts["processes"],
            memory=self.facts["memory"],
            is_on_cpu=self.facts["device"] == "cpu",
        )

    def _continued(self, rounds: Sequence[Round], members: Sequence[Member]) -> Round:
        """A round in which these members go on from where they are."""
        number = len(rounds)
        until = self.facts["rungs"][number] if number < len(self.facts["rungs"]) else None
        stacks: list[PlannedStack] = []
        for one in self._plan(members).stacks:
            for ordered, sources in self._joinable(*sources_of(one.members, rounds[-1])):
                stacks.append(PlannedStack(_name(number, len(stacks)), ordered, sources))
        return Round(tuple(stacks), until)

    def _joinable(self, members: Sequence[Member], sources: Sequence[Source]) -> list[Origin]:
        """All in one stack, or in several where the states of some do not fit those of others."""
        parts: list[tuple[Mapping[str, Any], list[Member], list[Source]]] = []
        first = 0
        for source in sources:
            state = self._state(source.stack)
            own = members[first : first + len(source.runs)]
            first += len(source.runs)
            for fitting, those, origins in parts:
                if can_join([fitting, state]):
                    those.extend(own)
                    origins.append(source)
                    break
            else:
                parts.append((state, list(own), [source]))
        return [(tuple(those), tuple(origins)) for _, those, origins in parts]


def _variants(folder: ComparisonFolder, facts: Mapping[str, Any]) -> list[Variant]:
    """The variants of `comparison.json`; RunError where it is not what descend wrote."""
    try:
        Goal(**facts["goal"])
        for one in facts["rounds"]:
            Round.from_json(one)
        return [Variant.from_json(one) for one in facts["variants"]]
    except (AttributeError, KeyError, TypeError, ValueError, RecipeError) as error:
        raise RunError(
            f"comparison.json must be what descend wrote: {str(folder.facts)!r} "
            f"({type(error).__name__}: {str(error).splitlines()[0]})",
            hint="restore the file, or compare anew",
        ) from None


def _read(
    folder: ComparisonFolder, facts: Mapping[str, Any], variants: Sequence[Variant]
) -> Comparison:
    goal, rounds = Goal(**facts["goal"]), [Round.from_json(one) for one in facts["rounds"]]
    results = collect(folder, rounds, goal, variants)
    rows, reference, said = judged(variants, results, facts["seeds"], goal, facts["baseline"])
    names = [variant.name for variant in variants]
    judge = Judge(folder, names, results, facts["seeds"], goal, reference, not facts["baseline"])
    return Comparison(
        folder=folder.path,
        name=facts["name"],
        status=facts["status"],
        goal=goal,
        seeds=facts["seeds"],
        rows=rows,
        reference=reference,
        is_baseline=facts["baseline"] is not None,
        conclusion=said,
        checks=judge_all(judge, facts.get("expected", ())),
        seconds=facts.get("seconds", 0.0),
        results=results,
        variants=variants,
    )


def _first_variants(
    question: Question, builder: Builder, memory: int, processes: int
) -> tuple[Sequence[Variant], dict[str, Any] | None]:
    """All variants, or those of a search's first batch with what there is to keep of the search."""
    if question.search is None:
        if question.batch is not None:
            raise RecipeError(f"`batch` must come with `search`: {question.batch}")
        return builder.build(question.base, question.axes.variants()), None
    base, how = question.base, (question.search, question.batch, question.halving)
    search = Search(search_facts(base, question.axes, *how))
    if not search.more({}, attempting(builder, base, memory, processes)):
        raise RecipeError(search.variants[0].reason)
    return search.variants, search.to_json()


def _new_round(planned: Plan, number: int, until: int | None = None) -> Round:
    stacks = [
        PlannedStack(_name(number, place), stack.members)
        for place, stack in enumerate(planned.stacks)
    ]
    return Round(tuple(stacks), until)


def _name(round_number: int, place: int) -> str:
    return f"{round_number + 1}-{place + 1:03d}"


def _check_baseline(baseline: str | None, variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    if baseline is not None and baseline not in names:
        close = nearest(baseline, names)
        raise RecipeError(
            f"`baseline` must be the name of a variant: {baseline!r}",
            hint=f"did you mean {close!r}?" if close else f"they are {', '.join(names[:10])}",
        )
