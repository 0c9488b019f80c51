"""What cannot be is told in a sentence with a hint: exit 1, empty stdout, nothing half-written."""

from __future__ import annotations

import signal
import struct
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import Descend, assert_fails


def left_behind() -> list[Path]:
    """What a failed command has written; pytest's folder was empty before."""
    return [path for path in Path().rglob("*") if "runs" in path.parts or path.suffix == ".tmp"]


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["trian"], "a command must be one of labs, lab, train", "did you mean 'train'?"),
        (["qwertz"], "a command must be one of", "`descend --help` lists them"),
        (["train"], "RECIPE must be given", "`descend train --help`"),
        (["train", "xor", "--epoch", "3"], "`--epoch` is no option", "did you mean --epochs?"),
        (["train", "xor", "--zzz"], "`--zzz` is no option", "`descend train --help`"),
        (["--zzz"], "`--zzz` is no option", "`descend --help`"),
        (["train", "xor", "more"], "unexpected extra argument", "`descend train --help`"),
        (["train", "xor", "--seeds", "0"], "`--seeds` must be a whole number, 1 or more: '0'", ""),
        (["train", "xor", "--seeds", "two"], "`--seeds` must be a whole number", ""),
        (["train", "xor", "--seed", "-1"], "`--seed` must be a whole number, 0 or more: '-1'", ""),
        (["train", "xor", "--seed", str(2**63)], "`--seed` must be a whole number", ""),
        (["train", "xor", "--epochs", "1.5"], "`--epochs` must be a whole number", ""),
        (["train", "xor", "--epochs", "0"], "`--epochs` must be a whole number, 1 or more", ""),
        (["train", "xor", "--threads", "0"], "`--threads` must be a whole number", ""),
        (["train", "xor", "--device", "gpu"], "`--device` must be one of auto, cpu, cuda", ""),
        (["train", "xor", "--seed"], "'--seed' requires an argument", ""),
        (["train", "xorr"], "RECIPE must be", "did you mean 'xor'?"),
        (["train", "mnist-nm"], "RECIPE must be", "did you mean 'mnist-nn'?"),
        (["train", "no/such.toml"], "a recipe must be a readable file: 'no/such.toml'", None),
        (["train", "no/such/folder"], "", None),
        (["train", ""], "must be a text", None),
        (["lab", "xor-n"], "LAB must be the name of a lab: 'xor-n'", "did you mean 'xor-nn'?"),
        (["lab"], "NAME must be given", ""),
        (["resume"], "RUN must be given", ""),
        (["resume", "nowhere"], "RUN must be the folder of a run", "`descend runs`"),
        (["evaluate", "nowhere"], "RUN must be the folder of a run", "`descend runs`"),
        (["predict", "nowhere", "1"], "RUN must be the folder of a run", "`descend runs`"),
        (["runs", "nowhere"], "DIR must be a folder of runs: 'nowhere'", "--out"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_command_line(
    descend: Descend, arguments: list[str], message: str, hint: str | None
) -> None:
    """A verb, an option, a value or a name that does not exist is named with the nearest one."""
    assert_fails(descend(*arguments), message, hint)
    assert left_behind() == []


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        ("training.lr=-0.1", "`training.lr` must be"),
        ("training.lr=fast", "`training.lr` must be"),
        ("training.lr=nan", "`training.lr` must be"),
        ("network.hidden=[0]", "must be a whole number, 1 or more: 0"),
        ("network.hidden=[2.5]", "must be a whole number, 1 or more: 2.5"),
        ("network.activaton=tanh", "network.activaton"),
        ("lr=0.1", "lr"),
        ("network.activation=rleu", "network.activation"),
        ("training.optimizer=adm", "training.optimizer"),
        ("training.loss=cross_entropy_", "training.loss"),
        ("data.task=regresion", "data.task"),
        ("data.task=pixels", "data.task"),
        ("training", "an edit must look like FIELD=VALUE"),
        ("=3", "an edit must look like FIELD=VALUE"),
    ],
)
def test_an_impossible_field(descend: Descend, edit: str, message: str) -> None:
    """An edit that cannot be is refused with the field, the value and what was expected."""
    told = descend("train", "digits", "--set", edit)
    assert told.code == 1
    assert message in told.err
    assert (told.out, left_behind()) == ("", [])


def test_every_problem_of_a_recipe_is_named_at_once(descend: Descend) -> None:
    """Three wrong fields make three lines, one hint and one exit."""
    told = descend(
        *("train", "xor", "--set", "training.lr=-1"),
        *("--set", "network.hidden=[0]", "--set", "training.optimizer=adm"),
    )
    assert told.code == 1
    for field in ("training.lr", "network.hidden", "training.optimizer"):
        assert field in told.err
    assert told.err.count("error: ") == 1


def test_a_batch_that_is_larger_than_the_set_with_drop_last(descend: Descend) -> None:
    """No step could be taken."""
    told = descend(
        "train", "digits", "--set", "training.batch_size=5000", "--set", "training.drop_last=true"
    )
    assert_fails(told, "5000")
    assert left_behind() == []


def test_a_loss_of_another_task(descend: Descend) -> None:
    """A loss that cannot be computed for the data's task is an error, with the ones that can."""
    told = descend("train", "digits", "--set", "training.loss=poisson")
    assert_fails(told, "poisson")


def test_a_recipe_for_another_task_than_the_data(descend: Descend) -> None:
    """Classes cannot be regressed."""
    Path("r.toml").write_text('[data]\nsource = "digits"\ntask = "regression"\n')
    assert_fails(descend("train", "r.toml"), "`data.task` must be")
    assert left_behind() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "data"),
        (b"[data\nsource=1", "a recipe must be TOML"),
        (bytes(range(128, 256)), "UTF-8"),
        (b"\0\1\2", "a recipe must be TOML"),
        (b'[data]\nsource = "xor"\n[trainning]\nlr = 1\n', "trainning"),
        (b"data = 3", "data"),
        (b'[data]\nsource = "nothing"\n', "nothing"),
    ],
    ids=["empty", "torn", "binary", "control", "misspelt", "no table", "no source"],
)
def test_a_file_that_is_no_recipe(descend: Descend, content: bytes, message: str) -> None:
    """Whatever a .toml file holds, it is trained or refused in a sentence."""
    Path("bad.toml").write_bytes(content)
    assert_fails(descend("train", "bad.toml"), message)
    assert left_behind() == []


def test_a_folder_in_place_of_a_recipe(descend: Descend) -> None:
    """A folder with a recipe's name, and one without IDX files."""
    Path("folder.toml").mkdir()
    assert_fails(descend("train", "folder.toml"), "a recipe must be a readable file")
    Path("empty").mkdir()
    assert_fails(descend("train", "./empty"), "must hold four IDX files")


def test_a_file_in_place_of_a_source(descend: Descend) -> None:
    """A file that is neither a recipe nor a folder of images."""
    Path("table.csv").write_text("a,b\n1,2\n")
    assert_fails(descend("train", "table.csv"), "RECIPE must be")


@pytest.mark.parametrize("place", ["file", "file/below", "/dev/null/x", "/proc/runs"])
def test_an_out_that_cannot_be_written(descend: Descend, place: str) -> None:
    """--out must be a folder that can be made."""
    Path("file").write_text("not a folder")
    told = descend("train", "xor", "--epochs", "3", "--out", place)
    assert_fails(told, "`--out` must be a folder that can be written", "--out")
    assert Path("file").read_text() == "not a folder"


def test_cuda_without_a_gpu(descend: Descend) -> None:
    """--device cuda says that there is none."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert_fails(descend("train", "xor", "--device", "cuda"), "`--device cuda` needs a GPU")


def test_more_networks_than_memory(descend: Descend) -> None:
    """A size that no machine has is an error and no traceback."""
    told = descend("train", "xor", "--set", "network.hidden=[100000000, 100000000]")
    assert_fails(told, "memory")
    assert left_behind() == []


@pytest.fixture
def no_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network in which nobody answers."""
    import urllib.request
    from urllib.error import URLError

    def refuse(*_: object, **__: object) -> None:
        raise URLError("no network in tests")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.mark.usefixtures("no_mirrors")
def test_mnist_that_is_nowhere(descend: Descend) -> None:
    """The error names the places searched and the files, and says where they could be given."""
    told = descend("train", "mnist", "--data-dir", "here")
    assert_fails(told, "mnist", "--data-dir")
    for word in ("here", "cache", "train-images-idx3-ubyte.gz", "DESCEND_DATA", "mirrors"):
        assert word in told.err
    assert left_behind() == []


@pytest.mark.usefixtures("no_mirrors")
def test_a_lab_whose_data_are_missing_tells_no_story(descend: Descend) -> None:
    """The error is all that is printed."""
    assert_fails(descend("lab", "mnist-nn"), "mnist")


IMAGES = struct.pack(">4B3I", 0, 0, 8, 3, 3, 4, 4) + bytes(3 * 16)
LABELS = struct.pack(">4B1I", 0, 0, 8, 1, 3) + bytes([0, 1, 0])


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("train-images-idx3-ubyte", IMAGES[:-5], "bytes of values"),
        ("train-images-idx3-ubyte", b"", "header"),
        ("train-images-idx3-ubyte", b"\x1f\x8b\x08garbage", "gzip"),
        ("train-images-idx3-ubyte", b"<html>not found</html>", "IDX"),
        ("train-labels-idx1-ubyte", LABELS + b"x", "bytes of values"),
        ("train-labels-idx1-ubyte", LABELS[:-1] + b"\xc8", "labels from 0 to 9"),
        ("t10k-labels-idx1-ubyte", IMAGES, "labels"),
    ],
)
def test_a_corrupt_file_in_the_data_dir(
    descend: Descend, name: str, content: bytes, message: str
) -> None:
    """A torn, wrong or foreign IDX file is named with its place."""
    folder = Path("mnist")
    folder.mkdir()
    for part in ("train", "t10k"):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(IMAGES)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(LABELS)
    (folder / name).write_bytes(content)
    told = descend("train", "mnist", "--data-dir", ".", "--epochs", "1")
    assert_fails(told, message)
    assert name in told.err
    assert left_behind() == []


def test_resume_of_a_run_whose_data_changed(descend: Descend) -> None:
    """A run goes on with the data that it began with, or not at all."""
    folder = descend("train", "moons", "--epochs", "2").folder
    facts = (folder / "run.json").read_text()
    (folder / "run.json").write_text(facts.replace('"finished"', '"interrupted"'))
    recipe = (folder / "recipe.toml").read_text()
    (folder / "recipe.toml").write_text(recipe.replace("seed = 0", "seed = 1", 1))
    assert_fails(descend("resume", folder), "the data must be those that the run began with")
    assert_fails(descend("evaluate", folder), "the data must be those that the run was trained on")


@pytest.mark.parametrize("name", ["run.json", "recipe.toml", "weights.safetensors"])
@pytest.mark.parametrize("content", [b"", b"\0garbage", b"[]"])
def test_a_run_with_a_broken_file(descend: Descend, name: str, content: bytes) -> None:
    """No verb fails with a traceback on a folder that something else has written to."""
    folder = descend("train", "xor", "--epochs", "2").folder
    (folder / name).write_bytes(content)
    for told in (descend("evaluate", folder), descend("predict", folder, "0,1")):
        assert told.code == 1
        assert told.err.startswith("error: ")
        assert "descend itself has failed" not in told.err
    listed = descend("runs")
    assert listed.code == 0
    assert folder.name in listed.out


def test_a_finished_run_without_its_weights_says_that_they_are_missing(descend: Descend) -> None:
    folder = descend("train", "xor", "--epochs", "2").folder
    (folder / "weights.safetensors").unlink()
    missing = "is without weights.safetensors"
    for told in (descend("evaluate", folder), descend("predict", folder, "0,1")):
        assert_fails(told, missing, "train anew")
    assert_fails(descend("diagnose", folder), missing)


def test_a_comparison_is_no_run(descend: Descend) -> None:
    """The verbs of a run say where the runs of a comparison lie."""
    varied = ("--vary", "training.lr=0.1,0.2", "--seeds", "2", "--epochs", "2", "--json", "-q")
    folder = descend("compare", "xor", *varied).document["comparison"]
    for verb in ("predict", "evaluate", "diagnose"):
        told = descend(verb, folder, *(["0,1"] if verb == "predict" else []))
        assert_fails(told, "is one of a comparison", f"{folder}/stacks")


def test_what_is_left_of_a_run_is_not_taken_for_a_folder_of_images(descend: Descend) -> None:
    folder = descend("train", "xor", "--epochs", "2").folder
    (folder / "run.json").unlink()
    assert_fails(descend("diagnose", folder), "with recipe.toml and run.json")


def test_resume_of_arrays_says_how(descend: Descend, of_arrays: Path) -> None:
    """The arrays of a run are not kept: they must be given again."""
    facts = (of_arrays / "run.json").read_text()
    (of_arrays / "run.json").write_text(facts.replace('"finished"', '"interrupted"'))
    try:
        assert_fails(descend("resume", of_arrays), "arrays", "descend.resume")
    finally:
        (of_arrays / "run.json").write_text(facts)


def test_evaluate_of_arrays_says_how(descend: Descend, of_arrays: Path) -> None:
    """A run on arrays is scored on a .npz file."""
    assert_fails(descend("evaluate", of_arrays), "arrays", "numpy.savez")
    np.savez("mine.npz", x=np.zeros((4, 3)), y=[0, 1, 0, 1])
    assert descend("evaluate", of_arrays, "mine.npz").code == 0


def test_an_unforeseen_error_is_a_sentence_too(
    descend: Descend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug of descend ends in exit 1 and says how its traceback is shown."""
    from descend.recipe import Recipe

    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(Recipe, "edited", fail)
    told = descend("train", "xor")
    assert (told.code, told.out) == (1, "")
    assert "error: descend itself has failed: ZeroDivisionError: a bug" in told.err
    assert "DESCEND_TRACEBACK" in told.err


def test_an_interrupt_that_a_library_makes_another_error_of_is_one(
    descend: Descend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of an import can come out as whatever that import makes of it."""
    from descend.recipe import Recipe

    def fail(*_: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RecursionError from None

    monkeypatch.setattr(Recipe, "edited", fail)
    told = descend("train", "xor")
    assert (told.code, told.out, told.err) == (130, "", "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
