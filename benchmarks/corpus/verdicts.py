"""Verdicts: what descend says of a case, in the corpus's words and with its layers."""

from __future__ import annotations

import re
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import FrameType
from typing import Any

from descend.diagnosis.checking import check
from descend.diagnosis.diagnosing import SHARE, Diagnosis, diagnose, first_look, is_settled
from descend.diagnosis.examination import examine, in_order
from descend.errors import DescendError
from descend.findings.finding import Finding, Place
from descend.findings.rule import rules
from descend.findings.standing import does_well
from descend.recipe.complaints import ImpossibleRecipe
from descend.recipe.known import without_places

from .arrays import Arrays, as_examples, load
from .cases import Case
from .causes import causes_of
from .cures import Cure, Prepared, cure_of
from .loops import needs_a_loop, plain, watched
from .reasons import LeftOut
from .recipes import Told, told

CANNOT_BE_BUILT = "D100"
LAYER = re.compile(r"network\.layers\.(\d+)\.")
MODULE = re.compile(r"module blocks\.(\d+)")
DONE = "done"
LOOKING = 0.6  # of the time for a case: a training that takes longer is examined as far as it is


Prepare = Callable[[Case, "Means"], tuple[Told, Any]]


class TooLong(BaseException):
    """The time for a case is over; no handler of ordinary errors may keep this."""


@dataclass(frozen=True)
class Means:
    """How cases are diagnosed. seconds: of the processor, for each; cure_seconds: for a cure.

    twins: by the name of a faulty case the one in which it was mended.
    """

    folder: Path
    data_dir: Path | None = None
    seeds: int = 3
    seconds: float = 120.0
    is_check_only: bool = False
    cure_seconds: float = 0.0
    twins: Mapping[str, Case] = field(default_factory=dict)


@dataclass(frozen=True)
class Named:
    """A finding. layers: places in the case's list, none where it names no layer."""

    code: str
    name: str
    severity: str
    causes: tuple[str, ...]
    layers: tuple[int, ...]
    evidence: str = ""
    is_consequence: bool = False


@dataclass(frozen=True)
class Verdict:
    """What came of a case. state: "done", or why there are no findings; budget: the share of the
    planned training that the verdict cost, where this is known."""

    state: str
    reason: str = ""
    notes: tuple[str, ...] = ()
    named: tuple[Named, ...] = ()
    budget: float | None = None
    seconds: float = 0.0
    checks: tuple[str, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    cure: Cure | None = None

    def to_json(self) -> dict[str, Any]:
        cure = None if self.cure is None else self.cure.to_json()
        return {**asdict(replace(self, cure=None)), "cure": cure}


def prepared(case: Case, means: Means) -> tuple[Told, Any]:
    """A case as a recipe, and its examples."""
    arrays = load(case, means.folder, means.data_dir)
    recipe = told(case, arrays)
    return recipe, as_examples(arrays, recipe.task, recipe.tree["data"])


def verdict(case: Case, means: Means, prepare: Prepare = prepared) -> Verdict:
    """The verdict on a case, whatever happens on the way."""
    began = time.process_time()
    notes: tuple[str, ...] = ()
    tree: dict[str, Any] = {}
    cure: Cure | None = None
    budget: float | None
    try:
        with at_most(means.seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if needs_a_loop(case) and not means.is_check_only:
                recipe, named, budget, ran = by_watching(case, means)
                notes, tree = tuple(recipe.notes), recipe.tree
            else:
                recipe, examples = prepare(case, means)
                notes, tree = tuple(recipe.notes), recipe.tree
                found = _diagnosed(recipe, examples, means, seeds_of(case, means))
                diagnosis, named, budget, ran = found
            state, reason = DONE, ""
        is_sick = case.use == "positive" and not needs_a_loop(case)
        if means.cure_seconds and is_sick and diagnosis is not None:
            cure = _cure(case, (recipe, examples), diagnosis, means, prepare)
    except LeftOut as error:
        return Verdict(error.state, str(error), notes, recipe=tree)
    except TooLong:
        state, reason, named, budget, ran = "too long", f"over {means.seconds:g} s", [], None, ()
    except Exception as error:  # a crash is a result: it is counted as silence, and shown
        where = traceback.extract_tb(error.__traceback__)[-1]
        reason = f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
        state, named, budget, ran = "crashed", [], None, ()
    seconds = time.process_time() - began
    return Verdict(state, reason, notes, tuple(named), budget, seconds, tuple(ran), tree, cure)


def _cure(case: Case, sick: Prepared, diagnosis: Diagnosis, means: Means, prepare: Prepare) -> Cure:
    """What `--fix` makes of the case; a cure that takes too long is none."""
    try:
        with at_most(4 * means.cure_seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            twin = means.twins.get(case.id)
            fixed = None if twin is None else prepare(twin, means)
            return cure_of(sick, fixed, diagnosis, means.cure_seconds)
    except TooLong:
        return Cure(reason="too long")
    except LeftOut as error:
        return Cure(reason=f"the twin: {error}")


def by_watching(case: Case, means: Means) -> tuple[Told, list[Named], float, Sequence[str]]:
    """What `check` finds in the case as a recipe, and a watch in a plain loop with its habits.

    The loop is run for each seed: to where a diagnosis would look first, and where that shows no
    cause, to its end. Beside the findings: the recipe, the share of the planned steps that were
    taken, and the codes of the rules that could look.
    """
    arrays = load(case, means.folder, means.data_dir)
    seeds = seeds_of(case, means)
    for share in (SHARE, 1.0):
        records = []
        for seed in seeds if isinstance(seeds, list) else range(seeds):
            loop = plain(case, arrays, seed)
            until = first_look(loop.total, share)
            records.append(watched(loop, until))
        examination = examine(records)
        known = before_a_step(loop.recipe, arrays, means)
        if sum(map(does_well, records)) > len(records) / 2:
            known = [one for one in known if one.code not in forecasts()]
        found = [*known, *_flat(examination.findings)]
        findings = in_order(list({_what(one): one for one in found}.values()))
        if until == loop.total or is_settled(replace(examination, findings=findings)):
            break
    return loop.recipe, named_by(findings, loop.recipe), until / max(1, loop.total), examination.ran


def before_a_step(recipe: Told, arrays: Arrays, means: Means) -> list[Finding]:
    """What is wrong with a recipe before a step, but for what only training shows."""
    examples = as_examples(arrays, recipe.task, recipe.tree["data"])
    return _flat(check(recipe.tree, data=examples, seeds=means.seeds).findings)


def _what(finding: Finding) -> tuple[str, int | None]:
    """What is found where: a watch calls the places by their modules, too."""
    return finding.code, None if finding.place is None else finding.place.number


def _flat(findings: Sequence[Finding]) -> list[Finding]:
    """The findings and what follows from them, side by side."""
    alone = [replace(one, consequences=()) for one in findings]
    return [*alone, *(one for finding in findings for one in _below(finding))]


def forecasts() -> set[str]:
    """The codes of what only says what will come of it."""
    return {rule.code for rule in rules() if rule.is_forecast}


def seeds_of(case: Case, means: Means) -> int | list[int]:
    """How many seeds the case is trained with; its own alone, where the fault is one of it."""
    seed = (case.tree.get("loop") or {}).get("seed")
    return means.seeds if seed is None else [seed]


def _diagnosed(
    recipe: Told, examples: Any, means: Means, seeds: int | list[int]
) -> tuple[Diagnosis | None, list[Named], float | None, Sequence[str]]:
    """The diagnosis, what it names, its cost, and the codes of the rules that could look."""
    limit = time.process_time() + LOOKING * means.seconds
    try:
        if means.is_check_only:
            found = check(recipe.tree, data=examples, seeds=means.seeds)
            named = named_by(found.findings, recipe)
            return None, named, 0.0, found.examination.ran
        diagnosis = diagnose(
            recipe.tree, data=examples, seeds=seeds, stop=lambda: time.process_time() > limit
        )
    except ImpossibleRecipe as error:
        refused = [_refused(one.field, str(one), recipe) for one in error.problems]
        return None, refused, 0.0, ()
    except DescendError as error:
        return None, [_refused("recipe", error.message, recipe)], 0.0, ()
    named = named_by(diagnosis.findings, recipe)
    return diagnosis, named, diagnosis.share, diagnosis.examination.ran


def named_by(findings: Sequence[Finding], recipe: Told) -> list[Named]:
    """The findings in order, each followed by its consequences."""
    named = []
    for finding in findings:
        named.append(_named(finding, recipe, is_consequence=False))
        named += [_named(one, recipe, is_consequence=True) for one in _below(finding)]
    return named


def _below(finding: Finding) -> Iterator[Finding]:
    for one in finding.consequences:
        yield one
        yield from _below(one)


def _named(finding: Finding, recipe: Told, *, is_consequence: bool) -> Named:
    if finding.code == CANNOT_BE_BUILT:
        return _refused(_first_quoted(finding.cause), finding.evidence, recipe)
    return Named(
        finding.code,
        finding.name,
        finding.severity or "warning",
        causes_of(finding.code),
        _layers(finding.place, recipe),
        finding.evidence,
        is_consequence,
    )


def _layers(place: Place | None, recipe: Told) -> tuple[int, ...]:
    """The layers in the case's list that are meant by a layer, or by a module of a plain loop."""
    if place is None:
        return ()
    if place.kind == "layer":
        return () if place.number is None else tuple(recipe.places[place.number - 1])
    module = MODULE.match(place.kind)
    return () if module is None else tuple(recipe.places[int(module[1])])


def _refused(field_name: str, sentence: str, recipe: Told) -> Named:
    """What descend says of a recipe that it cannot build, by the field that this is about."""
    code = f"{CANNOT_BE_BUILT} {without_places(field_name)}"
    layers: tuple[int, ...] = ()
    if (number := LAYER.match(field_name)) is not None:
        layers = tuple(recipe.places[int(number[1])])
    elif field_name.startswith("network.output"):
        layers = tuple(recipe.places[-1])
    return Named(code, "cannot-be-built", "error", causes_of(code), layers, sentence)


def _first_quoted(sentence: str) -> str:
    return sentence.split("`")[1] if sentence.count("`") > 1 else ""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooLong in the block when so much time of the processor is over.

    What else runs on the machine changes no verdict.
    """

    def over(signum: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, over)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
