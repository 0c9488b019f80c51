"""The verbs in Python: train, check, preflight, diagnose, watch, compare, resume, predict …."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from descend.comparison.comparison import Comparison
from descend.comparison.folder import is_comparison
from descend.comparisons import compare, load_comparison, resume_comparison
from descend.compute import cpu_threads, device_named, threads_for
from descend.data.examples import Examples
from descend.diagnosis.checking import Check
from descend.diagnosis.checking import check as check_recipe
from descend.diagnosis.diagnosing import Diagnosis
from descend.diagnosis.diagnosing import diagnose as diagnose_given
from descend.diagnosis.examination import Examination
from descend.diagnosis.examiner import Examiner
from descend.diagnosis.preflight.flight import preflight
from descend.diagnosis.proving import MOST_COST
from descend.diagnosis.proving import prove as prove_remedies
from descend.errors import DataError, NetworkError, RecipeError, RunError
from descend.given import checked
from descend.intake import (
    Arrays,
    as_recipe,
    complete_with_examples,
    edits_for,
    same_examples,
)
from descend.laboratory import LabResult, find_lab, labs
from descend.network.torch_reader import from_sequential
from descend.recipe import Recipe
from descend.runs.assignment import OVER, carry_out
from descend.runs.commands import command_for
from descend.runs.edits import recipes_of, seeded, seeds_of
from descend.runs.facts import data_facts, first_facts
from descend.runs.folder import RunFolder
from descend.runs.run import Run
from descend.runs.session import CHECKPOINT_SECONDS, Session, Tell
from descend.training.training import Training
from descend.watching.watch import watch

__all__ = [
    "Comparison",
    "Run",
    "check",
    "compare",
    "diagnose",
    "evaluate",
    "lab",
    "labs",
    "load_comparison",
    "load_run",
    "predict",
    "preflight",
    "resume",
    "resume_comparison",
    "train",
    "watch",
]


def train(
    recipe: Recipe | Mapping[str, Any] | Path | str,
    *,
    edits: Mapping[str, Any] | None = None,
    seed: int | None = None,
    seeds: int | Sequence[int] | None = None,
    epochs: int | None = None,
    data: Examples | Arrays | None = None,
    model: nn.Sequential | None = None,
    out: Path | str | None = "runs",
    device: str = "auto",
    threads: int | None = None,
    data_dir: Path | str | None = None,
    tell: Tell | None = None,
    found: Callable[[Examination], None] | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Run:
    """Train a recipe, a lab or a source of examples, and return the finished run.

    recipe: a Recipe, its tree, the path of its TOML file, the name of a lab or of a source.
    edits: changes by dotted name; seed and epochs are short for two of them.
    seeds: train that many networks side by side, with seeds from `training.seed` on, or with
    these seeds.
    data: arrays (x, y) or Examples in place of the recipe's source.
    model: plain torch layers that become the network; training starts from their weights, a copy.
    out: the folder that the run's folder is made in; None keeps the run in memory.
    device: "auto", "cpu" or "cuda"; threads: of the CPU, None chooses by the size of the network.
    tell: called with a Progress between steps, and between the epochs of machines before them.
    found: called with what is wrong before the first step; what is at the end has the run's
    `findings`. Of more than a hundred networks nothing is looked at.

    Ctrl-C stops in good order: the run returns with status "interrupted" and can be resumed.
    Raises RecipeError, DataError or RunError before anything is written.
    """
    given, name = as_recipe(recipe, "arrays" if data is not None else None)
    wanted = edits_for(seed, epochs)
    weights = None
    if model is not None:
        wanted["network"], weights = from_sequential(model)
    completed, examples = complete_with_examples(
        given.edited({**wanted, **(edits or {})}), data, data_dir
    )
    each = [seeded(completed, one) for one in seeds_of(completed, seeds)]
    chosen = device_named(device)
    if threads is None:
        threads = threads_for(each, examples, chosen)
    of_data = data_facts(examples, is_from_arrays=data is not None, data_dir=data_dir)
    facts = first_facts(name, each, chosen, threads, of_data)
    facts["starts_from_model"] = model is not None
    with cpu_threads(threads):
        examiner = Examiner(each, examples, chosen, weights)
        first = examiner.before()
        training = Training(each, examples, chosen)
        if weights is not None:
            weights.load(training.stack)
        session = Session(training, None, tell, checkpoint_seconds, examine=examiner.after)
        if out is None:
            _tell_found(first, found)
            return Run.of(session, session.run(), of_data)
        # from before there is a folder: Ctrl-C is to leave one in good order
        with session.listening():
            folder = RunFolder.create(out, name, each[0], facts, examples.preparation)
            session.folder = folder
            with folder.locked():
                _tell_found(first, found)
                try:
                    if weights is not None:
                        session.save(training.state())  # these weights cannot be drawn again
                    return Run.of(session, session.run(), of_data)
                except (RecipeError, DataError, NetworkError):
                    folder.remove()  # what cannot be trained leaves nothing behind
                    raise


def check(
    recipe: Recipe | Mapping[str, Any] | Path | str,
    *,
    edits: Mapping[str, Any] | None = None,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
) -> Check:
    """What is wrong with a recipe before a single step; nothing is trained, nothing is written."""
    return check_recipe(recipe, edits=edits, data=data, data_dir=data_dir)


def diagnose(
    recipe: Recipe | Run | Mapping[str, Any] | Path | str,
    *,
    prove: bool = False,
    edits: Mapping[str, Any] | None = None,
    data: Arrays | None = None,
    data_dir: Path | str | None = None,
    seeds: int = 3,
    most_cost: float = MOST_COST,
) -> Diagnosis:
    """Why a recipe or a run does not learn, or that it does.

    recipe: as in `train`, or a Run or its folder. A recipe is trained in memory for a tenth of its
    steps, and to the end where that shows nothing. prove: train every remedy beside it, over the
    same seeds; `.proof` then says which of them help, and `.cured` is the recipe with the best.
    most_cost: what the proof may cost, in ordinary trainings of the recipe.
    """
    found = diagnose_given(recipe, edits=edits, data=data, data_dir=data_dir, seeds=seeds)
    if not prove or not found.is_provable:
        return found
    proof = prove_remedies(
        found.base, found.findings, data=data, data_dir=data_dir, most_cost=most_cost
    )
    return replace(found, proof=proof)


def resume(
    run: Path | str,
    *,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
    tell: Tell | None = None,
    checkpoint_seconds: float = CHECKPOINT_SECONDS,
) -> Run:
    """Continue an interrupted or killed run, bit for bit as if nothing had happened.

    A finished run is returned as it is. data: the arrays again, for a run that was trained on them.
    Raises RunError where the folder is none of a run or another process trains in it, and DataError
    where its data have changed.
    """
    if is_comparison(run):
        raise RunError(
            f"RUN must be the folder of a run: {str(run)!r} is one of a comparison",
            hint="descend.resume_comparison goes on with it",
        )
    folder = RunFolder.open(run)
    if folder.read_facts()["status"] in OVER:
        folder.drop_checkpoint()  # of a run that was killed when only that was left to do
        return Run.read(run)
    if is_comparison(comparison := folder.path.absolute().parent.parent):
        raise RunError(
            f"RUN must be a run of its own: {str(run)!r} is a stack of a comparison",
            hint=f"`{command_for('resume', comparison)}` goes on with all of them",
        )
    with folder.locked():
        facts = folder.read_facts()
        if facts["status"] in OVER:  # meanwhile
            return Run.read(run)
        recipe = Recipe.read(folder.recipe)
        examples = same_examples(recipe, facts["data"], data, data_dir, run)
        examiner = Examiner(
            recipes_of(recipe, facts),
            examples,
            device_named(facts["device"]),
            is_unknown=bool(facts.get("starts_from_model")),
        )
        with cpu_threads(facts["threads"]):
            examiner.before()
        session, status = carry_out(
            folder,
            examples,
            tell=tell,
            checkpoint_seconds=checkpoint_seconds,
            examine=examiner.after,
        )
        return Run.of(session, status, facts["data"])


def load_run(run: Path | str) -> Run:
    """The finished run of a folder."""
    return Run.read(run)


def predict(run: Run | Path | str, x: Any) -> Any:
    """What the first network of a run says about raw inputs x (examples, features)."""
    return _as_run(run).predict(x)


def evaluate(
    run: Run | Path | str, x: Any, y: Any = None, *, data_dir: Path | str | None = None
) -> dict[str, float]:
    """Loss and metrics of a run on raw examples (x, y), or on a split of its own data by name."""
    run = _as_run(run)
    if isinstance(x, str):
        x = same_examples(run.recipe, run.data, None, data_dir, run.folder or "the run").split(x)
    return run.evaluate(x, y)


def lab(name: str, **options: Any) -> LabResult:
    """Run a lab and compare what it gives with what was published; options as in `train`."""
    return find_lab(name).run(checked(train), **options)


def _as_run(run: Run | Path | str) -> Run:
    return run if isinstance(run, Run) else Run.read(run)


def _tell_found(
    examination: Examination | None, found: Callable[[Examination], None] | None
) -> None:
    if examination is not None and found is not None:
        found(examination)
