"""The verbs in Python: train, resume, predict, evaluate, load_run, labs, lab."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import nn

from descend import __version__
from descend.data.arrays import from_arrays
from descend.data.examples import Examples
from descend.data.sources import load
from descend.errors import DataError, NetworkError, RecipeError, RunError
from descend.laboratory import LabResult, find_lab, labs
from descend.network.architecture import architecture_of, parameters_of
from descend.network.torch_reader import from_sequential, load_sequential
from descend.recipe import Recipe
from descend.recipe.defaults import Facts, complete, with_scales
from descend.recipe.fields import plain
from descend.runs.folder import RunFolder
from descend.runs.run import Run
from descend.runs.session import CHECKPOINT_SECONDS, Session, Tell
from descend.training.targets import with_class_weights
from descend.training.training import Training

__all__ = ["Run", "evaluate", "lab", "labs", "load_run", "predict", "resume", "train"]

Arrays = tuple[Any, Any]
OVER = ("finished", "diverged")  # statuses of a run that nothing is left to do for
MANY_FLOPS = 5e8  # of one step: only then does a second thread pay
VERSIONS = ("torch", "numpy", "polars", "safetensors", "pydantic")


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
    tell: called with a Progress between steps.

    Ctrl-C stops in good order: the run returns with status "interrupted" and can be resumed.
    Raises RecipeError, DataError or RunError before anything is written.
    """
    given, name = as_recipe(recipe, "arrays" if data is not None else None)
    short = {"training.seed": seed, "training.epochs": epochs}
    wanted: dict[str, Any] = {key: value for key, value in short.items() if value is not None}
    if model is not None:
        wanted["network"] = from_sequential(model)[0]
    completed, examples = complete_with_examples(
        given.edited({**wanted, **(edits or {})}), data, data_dir
    )
    each = [_seeded(completed, one) for one in _seeds(completed, seeds)]
    chosen = device_named(device)
    if threads is None:
        threads = threads_for(each, examples, chosen)
    facts = _facts(name, each, chosen, threads, _data_facts(examples, data, data_dir))
    facts["starts_from_model"] = model is not None
    with cpu_threads(threads):
        training = Training(each, examples, chosen)
        if model is not None:
            load_sequential(training.stack, model)
        if out is None:
            return _run(Session(training, None, tell), facts)
        folder = RunFolder.create(out, name, each[0], facts, examples.preparation)
        with folder.locked():
            try:
                session = Session(training, folder, tell, checkpoint_seconds)
                if model is not None:
                    session.save(training.state())  # a resumed run cannot draw these weights again
                return _run(session, facts)
            except (RecipeError, DataError, NetworkError):
                folder.remove()  # what cannot be trained leaves nothing behind
                raise


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
    folder = RunFolder.open(run)
    if folder.read_facts()["status"] in OVER:
        folder.drop_checkpoint()  # of a run that was killed when only that was left to do
        return Run.read(run)
    with folder.locked():
        facts = folder.read_facts()
        if facts["status"] in OVER:  # meanwhile
            return Run.read(run)
        recipe = Recipe.read(folder.recipe)
        examples = _same_examples(recipe, facts["data"], data, data_dir, run)
        each = [_seeded(recipe, seed) for seed in facts["seeds"]]
        with cpu_threads(facts["threads"]):
            training = Training(each, examples, device_named(facts["device"]))
            session = Session(training, folder, tell, checkpoint_seconds)
            state = folder.read_checkpoint()
            if state is not None:
                session.load(state)
            elif facts.get("starts_from_model"):
                raise RunError(
                    f"a run that starts from a model must have a checkpoint: {str(run)!r} has none",
                    hint="train it again: descend.train(recipe, model=model)",
                )
            return _run(session, facts)


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
        x = _same_examples(run.recipe, run.data, None, data_dir, run.folder or "the run").split(x)
    return run.evaluate(x, y)


def lab(name: str, **options: Any) -> LabResult:
    """Run a lab and compare what it gives with what was published; options as in `train`."""
    return find_lab(name).run(train, **options)


def as_recipe(
    given: Recipe | Mapping[str, Any] | Path | str, source: str | None = None
) -> tuple[Recipe, str]:
    """The recipe that is meant, and a name for its runs; source: where a mapping names none."""
    from descend.data.names import SOURCES, is_path
    from descend.laboratory import lab_names
    from descend.recipe.names import nearest

    if isinstance(given, Recipe):
        return given, given.title or given.data.source
    if isinstance(given, Mapping):
        named = isinstance(given.get("data"), Mapping) and "source" in given["data"]
        if source is not None and not named:
            given = {**given, "data": {**given.get("data", {}), "source": source}}
        return as_recipe(Recipe.of(given))
    text = str(given)
    if text.endswith(".toml"):
        return Recipe.read(given), Path(given).stem
    if text in lab_names():
        return find_lab(text).recipe, text
    if text in SOURCES or (is_path(text) and Path(text).is_dir()):
        return Recipe.of({"data": {"source": text}}), Path(text).name
    known = [*lab_names(), *SOURCES]
    close = nearest(text, known)
    raise RecipeError(
        f"RECIPE must be a .toml file, a lab or a source of examples: {text!r}",
        hint=f"did you mean {close!r}?" if close else "`descend labs` lists the labs",
    )


def complete_with_examples(
    recipe: Recipe, data: Examples | Arrays | None = None, data_dir: Path | str | None = None
) -> tuple[Recipe, Examples]:
    """The recipe with every choice made, and the examples that they were made for."""
    recipe = with_scales(recipe)
    examples = _examples(recipe, data, data_dir)
    return with_class_weights(complete(recipe, facts_of(examples)), examples), examples


def facts_of(examples: Examples) -> Facts:
    """What the open choices of a recipe depend on."""
    preparation = examples.preparation
    return Facts(
        task=examples.task,
        outputs=examples.outputs,
        examples=len(examples.train),
        splits=tuple(examples.splits),
        scale=preparation.scaling,
        target_scale=preparation.target_scaling,
        chosen=examples.chosen,
    )


def device_named(name: str) -> torch.device:
    """The device "auto", "cpu" or "cuda"; RunError where it is not there."""
    if name not in ("auto", "cpu", "cuda"):
        raise RunError(f"`--device` must be auto, cpu or cuda: {name!r}")
    has_cuda = torch.cuda.is_available()
    if name == "cuda" and not has_cuda:
        raise RunError("`--device cuda` needs a GPU that torch can use: none was found")
    return torch.device("cuda" if name != "cpu" and has_cuda else "cpu")


def threads_for(recipes: Sequence[Recipe], examples: Examples, device: torch.device) -> int:
    """One thread for small networks, which a second only slows; else as many as there are cores."""
    parameters = parameters_of(architecture_of(recipes[0], examples.features))
    batch = recipes[0].training.batch_size
    rows = batch if isinstance(batch, int) else len(examples.train)
    flops = 6 * parameters * rows * len(recipes)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return 1 if flops < MANY_FLOPS or device.type != "cpu" else min(cores or 1, 8)


@contextmanager
def cpu_threads(count: int) -> Iterator[int]:
    """Let torch use `count` threads, and as many as before afterwards."""
    if count < 1:
        raise RunError(f"`--threads` must be 1 or more: {count}")
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield count
    finally:
        torch.set_num_threads(before)


def _as_run(run: Run | Path | str) -> Run:
    return run if isinstance(run, Run) else Run.read(run)


def _examples(
    recipe: Recipe, data: Examples | Arrays | None, data_dir: Path | str | None
) -> Examples:
    if isinstance(data, Examples):
        return data
    if data is None:
        return load(recipe.data, data_dir)
    if not isinstance(data, tuple) or len(data) != 2:
        raise DataError(
            f"`data` must be a pair (x, y) of arrays: {type(data).__name__}",
            hint="descend.train(recipe, data=(x, y)); an autoencoder takes (x, None)",
        )
    x, y = data
    return from_arrays(x, y, recipe.data)


def _same_examples(
    recipe: Recipe,
    facts: Mapping[str, Any],
    data: Examples | Arrays | None,
    data_dir: Path | str | None,
    run: Path | str,
) -> Examples:
    """The examples that a run began with, loaded or given again."""
    if facts["is_from_arrays"] and data is None:
        raise DataError(
            f"the arrays must be given again for a run that was trained on arrays: {str(run)!r}",
            hint="as in descend.resume(run, data=(x, y)) or descend.evaluate(run, x, y)",
        )
    examples = _examples(recipe, data, data_dir or facts["folder"])
    if examples.fingerprint != facts["fingerprint"]:
        raise DataError(
            "the data must be those that the run began with: "
            f"{examples.name} has another fingerprint",
            hint="restore the data, or train anew",
        )
    return examples


def _run(session: Session, facts: Mapping[str, Any]) -> Run:
    return Run.of(session, session.run(), facts["data"])


def _seeds(recipe: Recipe, seeds: int | Sequence[int] | None) -> list[int]:
    first = recipe.training.seed
    if seeds is None:
        return [first]
    if isinstance(seeds, int):
        seeds = range(first, first + seeds)
    chosen = [plain(seed) for seed in seeds]
    is_seed = [isinstance(seed, int) and 0 <= seed < 2**63 for seed in chosen]
    if not chosen or not all(is_seed) or len(set(chosen)) < len(chosen):
        raise RecipeError(f"`seeds` must be whole numbers, 0 or more, each once: {seeds!r}")
    return chosen


def _seeded(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with another seed; validating a thousand of them anew takes a second."""
    training = recipe.training.model_copy(update={"seed": seed})
    return recipe.model_copy(update={"training": training})


def _data_facts(
    examples: Examples, data: Examples | Arrays | None, data_dir: Path | str | None
) -> dict[str, Any]:
    return {
        "source": examples.name,
        "is_from_arrays": data is not None,
        "folder": None if data_dir is None else str(Path(data_dir).resolve()),
        "fingerprint": examples.fingerprint,
        "examples": {split: len(part) for split, part in examples.splits.items()},
    }


def _facts(
    name: str,
    recipes: Sequence[Recipe],
    device: torch.device,
    threads: int,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    return {
        "name": name,
        "status": "running",
        "seeds": [recipe.training.seed for recipe in recipes],
        "device": device.type,
        "threads": threads,
        "data": data,
        "versions": {
            "descend": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in VERSIONS},
        },
        "hardware": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        },
    }
