"""`descend predict`: show what a trained network says about examples."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from descend.cli import options
from descend.cli.inputs import FILES, numbers_of, read_examples
from descend.cli.outcome import counted
from descend.cli.output import say, tell_of_downloads
from descend.cli.usage import WithNumbers
from descend.errors import DataError, RunError

if TYPE_CHECKING:
    from torch import Tensor

    from descend.runs.run import Run

PICTURES = (".png", ".bmp", ".gif", ".jpg", ".jpeg", ".tif", ".tiff", ".webp")


@dataclass(frozen=True)
class Asked:
    """Raw inputs and, where they are known, the targets; what a single example is called."""

    x: Any
    y: Tensor | None = None
    name: str = ""


@click.command("predict", cls=WithNumbers)
@click.argument("run", metavar="RUN")
@click.argument("given", metavar="INPUT", nargs=-1, required=True)
@click.option(
    "--split",
    metavar="SPLIT",
    help="The split that INPUT is an index into: train, validation or test (the last if absent).",
)
@click.option("--invert", is_flag=True, help="Swap light and dark of a picture.")
@options.network_seed
@options.data_dir
@options.as_json
@options.quiet
def command(
    run: str,
    given: tuple[str, ...],
    split: str | None,
    invert: bool,
    seed: int | None,
    data_dir: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Show what a trained network says about an example or a file.

    INPUT is one of these:

    \b
    0,1  or  0 1            the numbers of one example
    3                       an index from 0 into the test set, or into --split
    image.png               a picture of the size of the training images
    many.npy .npz .csv      many examples, one a row (of a .npz: its array x)

    Inputs are raw: the run's own preparation brings them to the scale of the training.

    \b
    descend predict RUN 0,1
    descend predict RUN 3 --split train
    descend predict RUN image.png --invert
    descend predict RUN many.csv --json
    """
    from descend.api import load_run
    from descend.cli.answers import show

    tell_of_downloads(quiet)
    loaded = load_run(run)
    place = 0 if seed is None else place_of(loaded, seed)
    asked = asked_of(loaded, " ".join(given).strip(), split, invert, data_dir, quiet)
    predictions = loaded.predict(asked.x, run=place)
    show(loaded, run, place, predictions, asked, as_json)
    return 0


def place_of(run: Run, seed: int) -> int:
    """The place of the network with that seed."""
    if seed not in run.seeds:
        known = f"from {min(run.seeds)} to {max(run.seeds)}" if len(run.seeds) > 1 else run.seeds[0]
        raise RunError(f"`--seed` must be that of a network of this run, {known}: {seed}")
    return run.seeds.index(seed)


def asked_of(
    run: Run, given: str, split: str | None, is_inverted: bool, data_dir: str | None, quiet: bool
) -> Asked:
    """What INPUT means for this run."""
    path, features = Path(given), run.preparation.features
    if path.suffix.lower() in FILES:
        return from_file(run, path)
    if path.suffix.lower() in PICTURES:
        from descend.cli.pictures import read_picture

        values, note = read_picture(path, run, is_inverted)
        if note:
            say(f"note: {note}", quiet)
        return Asked(values)
    if given.isdecimal() and (features > 1 or split is not None):
        return from_index(run, int(given), split, data_dir)
    values_given = numbers_of(given)
    if values_given is None:
        what = "another kind of file" if path.exists() else "neither numbers nor a file"
        raise DataError(
            f"INPUT must be numbers, an index or a file ({', '.join((*FILES, '.png'))}): "
            f"{given!r} is {what}",
            hint=f"for example `descend predict RUN {','.join(['0'] * min(features, 4))}`"
            if features <= 4
            else "for example `descend predict RUN 3`, the test example with index 3",
        )
    if run.preparation.task == "pixels":
        raise DataError(
            "INPUT must be an index, a picture or a .npy file for a network that labels pixels",
            hint="for example `descend predict RUN 3`, the test example with index 3",
        )
    if len(values_given) != features:
        raise DataError(
            f"an example must have {counted(features, 'number')}: "
            f"{given!r} has {len(values_given)}",
            hint="they must be those that the network was trained on, in the same order; an index "
            "is a whole number, 0 or more",
        )
    return Asked([values_given])


def from_file(run: Run, path: Path) -> Asked:
    """The examples of a file, with their targets where it holds them."""
    from descend.data.arrays import split_from_arrays

    x, y = read_examples(path)
    if y is None or run.preparation.task == "autoencoder":
        return Asked(x)
    return Asked(x, split_from_arrays(x, y, run.preparation).y)


def from_index(run: Run, index: int, split: str | None, data_dir: str | None) -> Asked:
    """One example of the data that the run was trained on."""
    import torch

    from descend.cli.evaluate import own_examples

    examples = own_examples(run, data_dir)
    name = split or list(examples.splits)[-1]
    part = examples.split(name)
    if index >= len(part):
        raise DataError(
            f"an index into {name} must be from 0 to {len(part) - 1:,}: {index}",
            hint="--split chooses another part of the data",
        )
    row = part.rows(torch.tensor([index]))
    return Asked(row.x, row.y, f"{name} {index}")
