"""Tables and texts in a terminal of 80 columns: nothing is wider, and no number is cut."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from descend.cli import VERBS
from descend.cli.outcome import less_important
from descend.cli.tables import put_fitting, shortened_to
from descend.cli.texts import shortened
from tests.cli.command import Descend

LONG = "a name that is longer than any table has room for"
ROWS = [[LONG, "0.123456789", "7,000", "finished"], ["short", "1e-05", "3", ""]]
HEADER = ["variant", "test/loss", "epochs", "status"]


@pytest.fixture(autouse=True)
def columns(descend: Descend, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Sets the terminal's width, which `descend` leaves open, 80 at first."""

    def set_to(width: int) -> None:
        monkeypatch.setenv("COLUMNS", str(width))

    set_to(80)
    return set_to


@pytest.mark.parametrize("room", range(6, 32))
def test_no_number_of_a_name_is_cut(room: int) -> None:
    """It is there as a whole, or not at all."""
    name = "epochs=273 steps=auto + lr=0.0015"
    short = shortened(name, room)
    assert len(short) <= room
    numbers = set(re.findall(r"[\d.]+", short))
    assert numbers <= {"273", "0.0015"}


def lines_of(capsys: pytest.CaptureFixture[str], names: dict[str, int], *leave_out: str) -> str:
    put_fitting(HEADER, ROWS, "<>><", names, leave_out)
    return capsys.readouterr().out


@pytest.mark.parametrize("width", range(34, 90, 4))
def test_a_table_is_as_wide_as_the_terminal_and_its_numbers_are_whole(
    width: int, columns: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Columns go in their order, then names lose their middle."""
    columns(width)
    told = lines_of(capsys, {"variant": 30}, "epochs", "status")
    assert max(map(len, told.splitlines())) <= width
    assert {"0.123456789", "1e-05"} <= set(told.split())
    assert ("status" in told) or ("epochs" not in told)
    assert told.splitlines()[1].startswith("a name t")


def test_a_table_that_fits_is_whole(
    columns: Callable[[int], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """As where there is no terminal."""
    columns(100)
    whole = lines_of(capsys, {"variant": 30}, "epochs", "status")
    assert LONG in whole
    assert "7,000" in whole


def test_without_a_terminal_nothing_is_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file or a pipe gets names that other commands can take."""
    monkeypatch.setattr(shutil, "get_terminal_size", os.terminal_size)  # gives the fallback back
    assert LONG in lines_of(capsys, {"variant": 30}, "epochs", "status")


@pytest.mark.parametrize(
    ("text", "room", "expected"),
    [
        ("test/accuracy 0.4856", 20, "test/accuracy 0.4856"),
        ("test/accuracy 0.4856", 16, "test…racy 0.4856"),
        ("train/loss -1.234e+05", 15, "t…ss -1.234e+05"),
        ("a long name without a number", 12, "a lon…number"),
    ],
)
def test_the_number_at_the_end_of_a_text_stays(text: str, room: int, expected: str) -> None:
    """What is before it loses its middle."""
    assert shortened_to(text, room) == expected


def test_the_loss_and_the_accuracy_of_the_last_split_are_never_left_out() -> None:
    """Distances that say the same twice are the first to go."""
    names = ["train/loss", "test/loss", "test/rmse", "test/mae", "test/r2", "test/accuracy"]
    assert less_important(names) == ["test/mae", "test/rmse", "train/loss", "test/r2"]


def too_wide(text: str) -> list[str]:
    return [line for line in text.splitlines() if len(line) > 80]


@pytest.mark.parametrize("verb", ["", *VERBS])
def test_help_fits(descend: Descend, verb: str) -> None:
    """Its examples as well."""
    told = descend(*filter(None, [verb]), "--help")
    assert told.code == 0
    assert not too_wide(told.out)


def test_runs_with_long_names_fit(descend: Descend) -> None:
    """Age, epochs and seeds go first; what is left of a name still tells which run it is."""
    descend("lab", "gates", "--epochs", "2", "-q")
    descend("compare", "xor", "--vary", "training.lr=0.1,0.01", "--seeds", "3", "--epochs", "2")
    folder = descend("train", "moons", "--epochs", "2", "-q").folder
    longer = folder.with_name(f"{folder.name}-{'and-more-' * 9}")
    folder.rename(longer)
    told = descend("runs").out
    assert not too_wide(told)
    assert told.splitlines()[0].split() == ["run", "status", "result"]
    for row in told.splitlines()[1:]:
        assert re.search(r" \d(\.\d+)?$", row), row
    assert f"runs/{folder.name[:16]}" in told
    assert {Path(run["folder"]).name for run in descend("runs", "--json").document} >= {longer.name}


@pytest.mark.parametrize("source", ["sine", "digits", "multilabel", "shapes"])
def test_results_and_predictions_fit(
    descend: Descend, trained: Callable[..., Path], source: str
) -> None:
    """Of every task: one network, several, their scores and what they say."""
    assert not too_wide(descend("train", source, "--epochs", "1", "--seeds", "3").out)
    run = trained(source, "--epochs", "1")
    for arguments in (["evaluate", run], ["predict", run, "3"]):
        told = descend(*arguments)
        assert told.code == 0
        assert not too_wide(told.out)


def test_a_deep_network_is_summed_up_in_lines_that_fit(descend: Descend) -> None:
    """Its widths go on in the next line."""
    widths = f"network.hidden={[32] * 30}".replace(" ", "")
    told = descend("train", "sine", "--epochs", "1", "--set", widths)
    assert told.code == 0
    assert not [line for line in too_wide(told.out) if "descend diagnose" not in line]


@pytest.fixture(scope="module")
def wide(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Runs whose answers are long: labels with long names, and many values."""
    import descend

    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    out = tmp_path_factory.mktemp("wide")
    names = np.array(
        [f"class {place} with a name that goes on {'and on ' * 9}" for place in range(3)]
    )
    classes = {"data": {"source": "mine"}, "training": {"epochs": 1}}
    named = descend.train(classes, data=(x, names[(x[:, 0] > 0).astype(int)]), out=out)
    values = {**classes, "data": {"source": "mine", "task": "regression"}}
    many = descend.train(values, data=(x, np.repeat(x[:, :1] * 1e-7, 9, axis=1)), out=out)
    assert named.folder is not None
    assert many.folder is not None
    return named.folder, many.folder


def test_long_answers_fit(descend: Descend, wide: tuple[Path, Path]) -> None:
    """Names of classes lose their middle; of many values so many are shown as there is room for."""
    np.save("x.npy", np.zeros((3, 3), dtype=np.float32))
    named, many = wide
    for run in wide:
        for given in ("x.npy", "0,0,0"):
            told = descend("predict", run, given)
            assert told.code == 0, told.err
            assert not [line for line in too_wide(told.out) if "predicted:" not in line]
    assert "…" in descend("predict", named, "x.npy").out
    assert "(9 values)" in descend("predict", many, "x.npy").out


@pytest.mark.slow
def test_a_lab_with_six_metrics_fits(descend: Descend) -> None:
    """The heads are judged by r2 and accuracy, which stay."""
    told = descend("lab", "heads", "-q")
    assert not too_wide(told.out)
    (header,) = [line for line in told.out.splitlines() if line.startswith("variant")]
    assert header.split() == ["variant", "train/loss", "test/loss", "test/r2", "test/accuracy"]
