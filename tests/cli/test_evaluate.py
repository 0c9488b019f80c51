"""`descend evaluate`: scores on a run's own splits and on other examples."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import Descend, assert_fails


def write_idx_set(folder: Path) -> None:
    """Four files of small images, each filled with its own number."""
    folder.mkdir()
    for part, count in (("train", 40), ("t10k", 20)):
        values = np.arange(count, dtype=np.uint8)
        images = np.repeat(values, 16).tobytes()
        header = struct.pack(">4B3I", 0, 0, 8, 3, count, 4, 4)
        (folder / f"{part}-images-idx3-ubyte").write_bytes(header + images)
        header = struct.pack(">4B1I", 0, 0, 8, 1, count)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(header + (values % 10).tobytes())


def facts_of(run: Path) -> dict[str, float]:
    metrics: dict[str, float] = json.loads((run / "run.json").read_text())["runs"][0]["metrics"]
    return metrics


def test_the_scores_are_those_of_the_end_of_the_training(descend: Descend, digits: Path) -> None:
    """Without DATA every split is scored, and gives what the training wrote down."""
    told = descend("evaluate", digits)
    assert "examples: 1,168 train, 270 validation, 359 test" in told.out
    document = descend("evaluate", digits, "--json").document
    assert document["metrics"] == pytest.approx(facts_of(digits), rel=1e-6)  # order of the sums
    assert document["examples"] == {"train": 1168, "validation": 270, "test": 359}


def test_one_split_is_scored_alone(descend: Descend, digits: Path) -> None:
    """DATA names a split."""
    document = descend("evaluate", digits, "validation", "--json").document
    assert set(document["metrics"]) == {"validation/loss", "validation/accuracy"}


def test_a_file_is_scored_on_the_scale_of_the_training(descend: Descend, digits: Path) -> None:
    """The raw test set in a .npz file has the scores of the test split."""
    from descend.data.sources import load
    from descend.recipe import Recipe

    split = load(Recipe.of({"data": {"source": "digits"}}).data).split("test")
    np.savez("mine.npz", x=split.x.numpy(), y=split.y.numpy())
    metrics = descend("evaluate", digits, "mine.npz", "--json").document["metrics"]
    own = facts_of(digits)
    assert metrics["mine/accuracy"] == own["test/accuracy"]
    assert metrics["mine/loss"] == pytest.approx(own["test/loss"], rel=1e-6)


def test_other_examples_of_the_same_kind_are_scored(
    descend: Descend, trained: Callable[..., Path]
) -> None:
    """A network of one problem of the plane can be asked about another, about all its examples."""
    moons = trained("moons", "--epochs", "1")
    assert descend("evaluate", moons, "circles", "--json").document["examples"] == {"circles": 500}


def test_a_folder_of_images_is_scored_in_its_two_parts(descend: Descend) -> None:
    """The parts of another set are named after it: they are not those of the training."""
    for name in ("mine", "yours"):
        write_idx_set(Path(name))
    run = descend("train", "./mine", "--epochs", "1").folder
    document = descend("evaluate", run, "./yours", "--json").document
    assert document["examples"] == {"yours-train": 40, "yours-test": 20}


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        ("tests", "DATA must be train, validation, test, a source", ""),
        ("circle", "DATA must be train, validation, test, a source", "did you mean 'circles'?"),
        ("circles", "DATA must have 64 features like the data of the run: circles has 2", ""),
        ("nowhere.npz", "readable file: 'nowhere.npz'", None),
        ("./nowhere", "", None),
        ("some.txt", "DATA must be a .npz file or a folder of IDX files", "numpy.savez"),
        ("onlyx.npz", "must hold an array y: it holds x", "numpy.savez"),
        ("short.npz", "length", None),
        ("label.npz", "", None),
        ("empty.npz", "", None),
    ],
)
def test_data_that_cannot_be_scored(
    descend: Descend, digits: Path, data: str, message: str, hint: str | None
) -> None:
    """The error says what was given and what is wanted."""
    Path("some.txt").write_text("text")
    np.savez("onlyx.npz", x=np.zeros((3, 64)))
    np.savez("short.npz", x=np.zeros((3, 64)), y=[1, 2])
    np.savez("label.npz", x=np.zeros((3, 64)), y=[1, 2, 10])
    np.savez("empty.npz", x=np.zeros((0, 64)), y=np.zeros(0))
    assert_fails(descend("evaluate", digits, data), message, hint)


def test_a_split_that_the_data_do_not_have(descend: Descend, xor: Path) -> None:
    """The splits that there are are named."""
    assert_fails(descend("evaluate", xor, "test"), "must be one of train: 'test'")


def test_several_networks_are_each_scored(descend: Descend, trained: Callable[..., Path]) -> None:
    """The table has a row for each network, the document a list."""
    several = trained("xor", "--seeds", "3", "--epochs", "2")
    told = descend("evaluate", several)
    assert [line.split()[0] for line in told.out.splitlines()[1:4]] == ["0", "1", "2"]
    document = descend("evaluate", several, "--json").document
    assert [one["seed"] for one in document["runs"]] == [0, 1, 2]


def test_an_unfinished_run_cannot_be_scored(descend: Descend, xor: Path) -> None:
    """The error says how to finish it."""
    import shutil

    shutil.copytree(xor, "cut")
    Path("cut/weights.safetensors").unlink()
    facts = json.loads(Path("cut/run.json").read_text())
    del facts["runs"]
    Path("cut/run.json").write_text(json.dumps({**facts, "status": "interrupted"}))
    assert_fails(
        descend("evaluate", "cut"),
        "RUN must be finished: 'cut' is interrupted",
        "descend resume cut",
    )
