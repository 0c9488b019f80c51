"""Diagnosing: train a recipe for a while, or read a run, and say what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from descend.comparison.cost import work_seconds
from descend.comparison.values import identity
from descend.compute import cpu_threads, device_named, threads_for
from descend.data.examples import Examples
from descend.diagnosis.baselines import Baselines
from descend.diagnosis.candidates import Candidate
from descend.diagnosis.checking import SEEDS, recorded
from descend.diagnosis.examination import Examination, examine, forecasts
from descend.diagnosis.forks import fork
from descend.diagnosis.hypotheses import hypotheses
from descend.diagnosis.known import Known
from descend.diagnosis.proof import LESS, Proof
from descend.diagnosis.reading import is_redrawn, read_records, recipes_in, without_weights
from descend.diagnosis.recording import planned
from descend.diagnosis.trying import tried
from descend.diagnosis.watching import Quiet, measured_densely
from descend.errors import RecipeError, RunError
from descend.findings.course import LEARNS, end_loss, scale
from descend.findings.finding import Finding
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import rules
from descend.intake import Arrays, as_asked, examples_of, same_examples
from descend.recipe import Recipe
from descend.recipe.asked import Asked
from descend.runs.edits import seeded, seeds_of
from descend.runs.folder import RunFolder
from descend.runs.run import Run
from descend.runs.session import results_of
from descend.training.progress import Progress
from descend.training.training import Training

SHARE = 0.1  # of the planned steps until the first look, where nothing else is asked for
FEWEST, MOST = 30, 2000  # steps of a first look: fewer show nothing, more are seldom needed
LOOK_SECONDS, FEW = 8.0, 100  # of a CPU; steps that are looked at whatever they take
OF_RUNS = ("run.json", "recipe.toml", "comparison.json")  # in the folder of a run, or of many
LOW = 0.1  # of the loss of chance: what is below is no reason to try other rates

Tell = Callable[[Progress], None]


@dataclass(frozen=True)
class Diagnosis:
    """What is wrong with a recipe or a run.

    recipe: completed, where it could be; base: what is proven and cured: with what it leaves open,
    and without what makes it impossible; run: the folder that was read, or None.
    share: of the planned steps that were trained until the verdict, of the networks as they are;
    cost: of all steps of all networks that were trained for it, in trainings of one network.
    records: what the findings were read from, one for each seed; proof: of their remedies.
    """

    name: str
    recipe: Recipe
    examination: Examination
    records: Sequence[Record]
    base: Recipe
    run: Path | None = None
    share: float = 0.0
    cost: float = 0.0
    seconds: float = 0.0
    proof: Proof | None = None

    def __str__(self) -> str:
        return str(self.examination)

    def __repr__(self) -> str:
        return f"<Diagnosis of {self.name}: {self.examination.in_short}>"

    @property
    def findings(self) -> Sequence[Finding]:
        """The findings, causes first."""
        return self.examination.findings

    @property
    def is_possible(self) -> bool:
        """Whether the recipe can be built as it was asked for."""
        return not any(record.problems for record in self.records)

    @property
    def is_provable(self) -> bool:
        """Whether a network can be made of it, or at least of what is left without its problems."""
        return any(record.layers for record in self.records)

    @property
    def remedy(self) -> Candidate | None:
        """What cures or helps; None where nothing is known to, or nothing was proven yet.

        What was proven; else what the diagnosis itself has trained as long as the networks, over
        its own seeds, and what helped most, where the proof has not tried the whole of it; else
        what a finding named and the proof could try a part of only.
        """
        if self.proof is None or self.proof.cure is not None:
            return None if self.proof is None else self.proof.cure
        told = [one for one in self.proof.tried if (one.share or 0.0) >= LESS]
        known = {identity(one.candidate.edits) for one in told}
        helping = [
            (code, one)
            for code, one in self.records[0].trials.items()
            if one.helps and identity(one.edits) not in known
        ]
        if helping:
            code, best = max(helping, key=lambda pair: pair[1].gain)
            return Candidate(code, best.edits, (code,), str(best))
        return self.proof.unproven

    @property
    def cured(self) -> Recipe | None:
        """The recipe with its remedy."""
        return None if self.remedy is None else self.base.edited(self.remedy.edits)

    @property
    def is_healthy(self) -> bool:
        """Whether nothing graver than a note was found."""
        return self.examination.is_healthy

    def to_json(self) -> dict[str, Any]:
        """The document that `diagnose --json` prints."""
        return {
            "name": self.name,
            "run": None if self.run is None else str(self.run),
            **self.examination.to_json(),
            "share": self.share,
            "cost": self.cost,
            "seconds": self.seconds,
            "proof": None if self.proof is None else self.proof.to_json(),
        }


def diagnose(
    given: Recipe | Run | Mapping[str, Any] | Path | str,
    *,
    edits: Mapping[str, Any] | None = None,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
    seeds: int | Sequence[int] = SEEDS,
    share: float | None = None,
    device: str = "auto",
    tell: Tell | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Diagnosis:
    """Why a recipe or a run does not learn, or that it does.

    A recipe is trained in memory: networks of `seeds` seeds for `share` of the planned steps (a
    tenth, but 2,000 steps at most), and short forks of those that do not learn; where that shows
    no fault, to the end. Of a run, a Run or its folder, the
    measurements are read, and only the forks are trained.
    stop: asks to stop; what is known by then is examined. Raises DescendError as `train` does,
    but for a recipe that cannot be built: that is a finding.
    """
    begin = perf_counter()
    if (run := as_run(given)) is not None:
        if edits:
            raise RecipeError("`edits` must be absent for a run: it was trained as it was")
        found = _of_run(run, data, data_dir, device, stop)
    else:
        assert not isinstance(given, Run)
        asked, name = as_asked(given, edits or {}, "arrays" if data is not None else None)
        found = _of_recipe(asked, name, data, data_dir, seeds, share, device, tell, stop)
    return replace(found, seconds=round(perf_counter() - begin, 3))


def as_run(given: Any) -> Run | None:
    """The run that is meant, if one is."""
    if isinstance(given, Run):
        return given
    if isinstance(given, str | Path) and any((Path(given) / name).is_file() for name in OF_RUNS):
        return Run.read(given)
    return None


def _of_recipe(
    asked: Asked,
    name: str,
    data: Examples | Arrays | None,
    data_dir: Path | str | None,
    seeds: int | Sequence[int],
    share: float | None,
    device: str,
    tell: Tell | None,
    stop: Callable[[], bool],
) -> Diagnosis:
    completed, alone = recorded(asked, data, data_dir, 1)
    if alone[0].problems:
        before_a_step = [rule for rule in rules() if rule.family == "before"]
        return Diagnosis(name, completed, examine(alone, before_a_step), alone, completed)
    examples = examples_of(completed, data, data_dir)
    recipes = [seeded(completed, seed) for seed in seeds_of(completed, seeds)]
    chosen = device_named(device)
    with cpu_threads(threads_for(recipes, examples, chosen)):
        before = planned(recipes, examples)
        training = Training(recipes, examples, chosen)
        step_seconds = work_seconds(completed, examples, len(recipes)) / training.total
        steps = first_look(training.total, share, step_seconds)
        measured_densely(training, steps)
        watcher = Quiet(stop, tell)
        known = Known(before, Baselines(examples))
        training.run(watcher, until=steps)
        known, records = looked_at(training, known, examples, steps, stop)
        examination = examine(records)
        if not is_settled(examination) and not training.is_over:
            training.run(watcher)
            known, records = looked_at(training, known, examples, steps, stop)
            examination = examine(records)
        taken = 0
        if training.is_over:
            changes = {
                **{one.code: one.remedies[0].edits for one in forecasts(records) if one.remedies},
                **hypotheses(completed, examination),
            }
            trials, taken = tried(changes, records, recipes, examples, stop)
            if trials:
                records = [replace(record, trials=trials) for record in records]
                examination = examine(records)
    per_run = len(recipes) * training.step + sum(map(len, known.forks)) * steps + taken
    return Diagnosis(
        name,
        completed,
        examination,
        records,
        asked.recipe,
        share=training.step / training.total,
        cost=per_run / training.total,
    )


def _of_run(
    run: Run,
    data: Examples | Arrays | None,
    data_dir: Path | str | None,
    device: str,
    stop: Callable[[], bool],
) -> Diagnosis:
    facts = RunFolder.open(run.folder).read_facts() if run.folder is not None else {}
    examples = same_examples(run.recipe, run.data, data, data_dir, run.folder or "the run")
    recipes = recipes_in(run, facts)
    if not recipes:
        raise RunError("RUN must hold a network")
    chosen = device_named(device)
    with cpu_threads(threads_for(recipes, examples, chosen)):
        plan = Training(recipes, examples, chosen)
        steps = first_look(plan.total)
        before, forks = planned(recipes, examples), []
        if is_redrawn(run, plan):
            forks = fork(recipes, examples, steps, chosen, stop)
        else:
            before = [without_weights(record) for record in before]
    known = Known(before, Baselines(examples), forks)
    records = known.complete(read_records(run, plan), run.stack, examples)
    return Diagnosis(
        facts.get("name", run.recipe.title or run.recipe.data.source),
        run.recipe,
        examine(records),
        records,
        run.recipe,
        run=run.folder,
        share=max((len(record.steps) and record.steps[-1] + 1) / plan.total for record in records),
        cost=sum(map(len, forks)) * steps / plan.total,
    )


def records_of(known: Known, training: Training, examples: Examples) -> list[Record]:
    """The records of a training as far as it is."""
    stack = training.whole_stack()
    metrics: list[dict[str, float]] = [{}] * training.runs
    if training.is_over:
        metrics = [result["metrics"] for result in results_of(training, stack, "running")]
    return known.records(training, stack, examples, metrics)


def looked_at(
    training: Training,
    known: Known,
    examples: Examples,
    steps: int,
    stop: Callable[[], bool],
) -> tuple[Known, list[Record]]:
    """What is known, with forks of so many steps where a rule may ask for them; the records."""
    records = records_of(known, training, examples)
    if known.forks or not any(map(wants_forks, records)):
        return known, records
    forks = fork(training.recipes, examples, steps, training.stack.theta.device, stop)
    known = replace(known, forks=forks)
    forked = [replace(one, forks=forks[run]) for run, one in enumerate(records)]
    return known, forked


def wants_forks(record: Record) -> bool:
    """Whether other rates may do better: it does not learn, or has ended with some loss left."""
    try:
        return end_loss(record) >= (LOW if record.is_over else LEARNS) * scale(record)
    except NotMeasured:
        return False


def is_settled(examination: Examination) -> bool:
    """Whether it can be left at that: a fault was found, and not only what came of it.

    What is forecast settles nothing as long as nothing has come of it.
    """
    kind = {rule.code: rule for rule in rules()}
    alarms = [kind[one.code] for one in everything(examination.findings) if one.severity != "note"]
    has_symptom = any(rule.is_symptom for rule in alarms)
    return any(not rule.is_symptom and (has_symptom or not rule.is_forecast) for rule in alarms)


def everything(findings: Sequence[Finding]) -> list[Finding]:
    """The findings and all that follows from them."""
    return [one for finding in findings for one in (finding, *everything(finding.consequences))]


def first_look(total: int, share: float | None = None, step_seconds: float = 0.0) -> int:
    """The steps until the first look: a tenth of all where no share is asked for, but not many.

    step_seconds: what a step takes, as planned; of large networks fewer are looked at.
    """
    asked = round(share * total) if share is not None else min(MOST, round(SHARE * total))
    if share is None and asked * step_seconds > LOOK_SECONDS:
        asked = min(asked, max(FEW, round(LOOK_SECONDS / step_seconds)))
    return max(1, min(total, max(FEWEST, asked)))
