"""`descend evaluate`: score a trained network."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli import options
from descend.cli.output import put, put_json, tell_of_downloads
from descend.errors import DataError

if TYPE_CHECKING:
    from descend.data.examples import Examples, Split
    from descend.runs.run import Run

SPLITS = ("train", "validation", "test")


@click.command("evaluate")
@click.argument("run", metavar="RUN")
@click.argument("data", metavar="[DATA]", required=False)
@options.data_dir
@options.as_json
@options.quiet
def command(run: str, data: str | None, data_dir: str | None, as_json: bool, quiet: bool) -> int:
    """Score a trained network on a split of its data or on other data.

    DATA is train, validation or test, a split of the data that RUN was trained on (all of them if
    it is not given); the name or the folder of other examples of the same kind; or a .npz file
    with the arrays x and y. They are brought to the scale of the training, and no example is left
    out. Of several networks, each is scored.

    \b
    descend evaluate RUN
    descend evaluate RUN test --json
    descend evaluate RUN mine.npz
    """
    from descend.api import load_run
    from descend.cli.outcome import put_networks
    from descend.training.evaluation import score_split

    tell_of_downloads(quiet)
    loaded = load_run(run)
    splits = splits_of(loaded, data, data_dir)
    scores = {
        f"{split}/{metric}": values.tolist()
        for split, examples in splits.items()
        for metric, values in score_split(
            loaded.stack, loaded.recipe, loaded.preparation, examples
        ).items()
    }
    results = [
        {**result, "metrics": {name: values[place] for name, values in scores.items()}}
        for place, result in enumerate(loaded.results)
    ]
    counts = {name: len(split) for name, split in splits.items()}
    if as_json:
        put_json(document(run, results, counts))
    else:
        put_networks(results)
        put()
        put("examples: " + ", ".join(f"{count:,} {name}" for name, count in counts.items()))
    return 0


def document(run: str, results: list[dict[str, Any]], counts: Mapping[str, int]) -> dict[str, Any]:
    """What --json prints; `runs` only where there are several."""
    found = {"run": run, "metrics": results[0]["metrics"], "examples": counts}
    if len(results) == 1:
        return found
    return {**found, "runs": [{"seed": r["seed"], "metrics": r["metrics"]} for r in results]}


def splits_of(run: Run, data: str | None, data_dir: str | None) -> dict[str, Split]:
    """The examples that are meant, by the name of their split."""
    from descend.data.arrays import split_from_arrays

    if data is not None and data.endswith(".npz"):
        from descend.cli.inputs import read_arrays

        x, y = read_arrays(Path(data), needs_y=run.preparation.task != "autoencoder")
        return {Path(data).stem: split_from_arrays(x, y, run.preparation)}
    if data is None or data in SPLITS:
        own = own_examples(run, data_dir)
        return own.splits if data is None else {data: own.split(data)}
    other = other_examples(run, data, data_dir)
    if len(other.splits) == 1:
        return {other.name: other.train}
    return {f"{other.name}-{name}": split for name, split in other.splits.items()}


def own_examples(run: Run, data_dir: str | None) -> Examples:
    """The examples that a run was trained on; DataError where they are other ones today."""
    from descend.data.sources import load
    from descend.runs.folder import RunFolder

    assert run.folder is not None
    facts = RunFolder(run.folder).read_facts()["data"]
    if facts["is_from_arrays"]:
        raise DataError(
            f"DATA must be a file for a run that was trained on arrays: {str(run.folder)!r}",
            hint="numpy.savez('mine.npz', x=x, y=y), then `descend evaluate RUN mine.npz`",
        )
    examples = load(run.recipe.data, data_dir)
    if examples.fingerprint != facts["fingerprint"]:
        raise DataError(
            f"the data must be those that the run was trained on: {examples.name} has changed",
            hint="examples of its training may now be in another split; restore the data",
        )
    return examples


def other_examples(run: Run, source: str, data_dir: str | None) -> Examples:
    """The examples of another source, none held out; they must be of the run's kind."""
    from descend.data.names import SOURCES, is_path, nearest
    from descend.data.sources import load
    from descend.recipe import Recipe

    if source not in SOURCES and not is_path(source):
        close = nearest(source)
        raise DataError(
            f"DATA must be {', '.join(SPLITS)}, a source, a folder or a .npz file: {source!r}",
            hint=f"did you mean {close!r}?" if close else "`descend evaluate --help` shows how",
        )
    if Path(source).is_file():
        raise DataError(
            f"DATA must be a .npz file or a folder of IDX files: {source!r} is another file",
            hint="numpy.savez('mine.npz', x=x, y=y) writes one",
        )
    own = run.recipe.data
    asked = {"source": source, "task": own.task, "target": own.target, "validation": 0}
    if source in SOURCES and not SOURCES[source].has_own_test:
        asked["test"] = 0
    asked = {field: value for field, value in asked.items() if value is not None}
    examples = load(Recipe.of({"data": asked}).data, data_dir)
    wanted, given = run.preparation, examples.preparation
    for what in ("features", "outputs"):
        if getattr(wanted, what) != getattr(given, what):
            raise DataError(
                f"DATA must have {getattr(wanted, what)} {what} like the data of the run: "
                f"{source} has {getattr(given, what)}",
                hint="a network can only be scored on examples of the kind that it was trained on",
            )
    return examples
