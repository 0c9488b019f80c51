"""What is given to the public functions: an argument of another kind is refused in a sentence."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import descend

VERBS = [name for name in descend.__all__ if inspect.isfunction(getattr(descend, name))]
OF_TRAIN = list(inspect.signature(descend.train).parameters)[1:]
MEMORY = {"out": None}


class Odd:
    """No argument is of this kind."""


ODD = (Odd(), b"x", {3}, {1: 2}, float("nan"))
NEAR = {  # wrong for the argument, right for another
    "baseline": (1, ["lr=0.1"]),
    "batch": ("ten", 2.5, True),
    "before": ("print",),
    "checkpoint_seconds": ("60", True, None),
    "comparison": (5, None),
    "data": (3, "digits", [[0.0], [1.0]], (1, 2, 3)),
    "data_dir": (5, ["data"]),
    "device": (7, None),
    "edits": (5, "training.lr=1", [("training.lr", 1)]),
    "epochs": ("ten", 2.5, True),
    "every": ("ten", 2.5, True),
    "found": ([],),
    "halving": ("three", 2.5),
    "is_large_allowed": ("yes", None),
    "loss": ("mse", 5),
    "memory": ("4 GB", 1e9),
    "metric": (5, ["test/loss"]),
    "model": ("x", torch.nn.Linear),
    "most_cost": ("10", True, None),
    "name": (5, ["gates"]),
    "optimizer": ("adam", 5, ["adam"]),
    "out": (5, ["runs"], True),
    "processes": ("two", 1.5),
    "prove": ("yes", 1),
    "quiet": ("yes", None),
    "recipes": (5, ["wide.toml"], {"wide": 5}),
    "run": (5, None),
    "samples": ("ten", 2.5, None),
    "search": (5, ["tpe"]),
    "seed": ("three", [1], 2.5),
    "seeds": ("three", 2.5, True, [True], [[1]]),
    "target": ("0.9", True),
    "tell": (3, "print"),
    "threads": ("a", 1.5, True),
    "variants": (5, ["slow"], {"slow": 5}),
    "vary": ([1], 5, {"training.lr": 5}),
    "zipped": ("yes", None),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run and a comparison are kept."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture(scope="module")
def good(folder: Path) -> dict[str, dict[str, Any]]:
    """Arguments with which each verb does what it does, quickly and in memory."""
    run = descend.train("xor", epochs=1, out=folder)
    slower = {"training.lr": [0.1, 0.01]}
    comparison = descend.compare("xor", vary=slower, epochs=1, seeds=2, out=folder, processes=1)
    asked = {"recipe": "xor"}
    return {
        "train": {**asked, "epochs": 1, **MEMORY},
        "check": asked,
        "diagnose": {**asked, "edits": {"training.epochs": 1}},
        "preflight": {"given": "xor"},
        "compare": {**asked, "vary": slower, "epochs": 1, "seeds": 2, "processes": 1, **MEMORY},
        "evaluate": {"run": run, "x": [[0.0, 1.0]], "y": [1]},
        "predict": {"run": run, "x": [[0.0, 1.0]]},
        "resume": {"run": run.folder},
        "resume_comparison": {"comparison": comparison.folder},
        "load_run": {"run": run.folder},
        "load_comparison": {"comparison": comparison.folder},
        "lab": {"name": "gates", "epochs": 1, **MEMORY},
        "labs": {},
        "watch": {"model": torch.nn.Linear(2, 1), **MEMORY},
    }


def arguments() -> Iterator[tuple[str, str]]:
    for verb in VERBS:
        names = list(inspect.signature(getattr(descend, verb)).parameters)
        if verb == "lab":
            names = ["name", *OF_TRAIN, "announce", "data_source"]
        yield from ((verb, name) for name in names)


@pytest.mark.parametrize(("verb", "argument"), list(arguments()))
def test_an_argument_of_another_kind_is_refused_before_anything_is_written(
    verb: str,
    argument: str,
    good: dict[str, dict[str, Any]],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of every public function and argument: a DescendError, a sentence, and no file."""
    monkeypatch.chdir(tmp_path)
    kept = sorted(folder.rglob("*"))
    for wrong in (*ODD, *NEAR.get(argument, ())):
        given = {**good[verb], argument: wrong}
        if verb == "compare" and argument in ("variants", "recipes", "sample", "samples"):
            given.pop("vary", None)
        with pytest.raises(descend.DescendError) as caught:
            getattr(descend, verb)(**given)
        is_one_sentence = "\n" not in caught.value.message
        assert is_one_sentence or caught.value.message.startswith("the recipe has"), wrong
    assert not list(tmp_path.iterdir())
    assert sorted(folder.rglob("*")) == kept


def test_the_arguments_that_are_refused_when_wrong_are_taken_when_right(
    good: dict[str, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each verb runs with the arguments that the other tests change one of."""
    monkeypatch.chdir(tmp_path)
    assert good.keys() == set(VERBS)
    for verb, given in good.items():
        getattr(descend, verb)(**given)
    assert not list(tmp_path.iterdir())


def test_numbers_of_numpy_are_numbers() -> None:
    """Where a whole number, a number or a truth is wanted, numpy's are taken as well."""
    np = pytest.importorskip("numpy")
    descend.train(
        "xor", epochs=np.int64(1), seeds=np.int64(2), threads=np.int32(1), out=None,
        checkpoint_seconds=np.float32(60),
    )  # fmt: skip


def test_an_iterator_of_optimizers_is_not_used_up() -> None:
    """It is watched with, and therefore not looked through before."""
    model = torch.nn.Linear(2, 1)
    watch = descend.watch(model, iter([torch.optim.SGD(model.parameters(), lr=0.1)]), out=None)
    assert watch.observer.optimizers.moving


def test_the_sentence_says_what_was_given_and_what_was_expected() -> None:
    """`out` must be a path: 5; the hint shows the right form."""
    with pytest.raises(descend.RunError, match="`out` must be the path of a folder, or None: 5"):
        descend.train("xor", out=5)  # type: ignore[arg-type]
    with pytest.raises(descend.RecipeError, match=r"`edits` must be .*: 5\nhint: for example"):
        descend.check("xor", edits=5)  # type: ignore[arg-type]
    with pytest.raises(descend.RecipeError, match="`name` must be a text: 5"):
        descend.lab(5)  # type: ignore[arg-type]
    with pytest.raises(descend.NetworkError, match=r"`model` must be a torch\.nn\.Module: Tensor"):
        descend.train("xor", model=torch.zeros(2, 2))  # type: ignore[arg-type]


def test_an_unknown_argument_is_a_type_error_as_in_any_function() -> None:
    """Python's own sentence names it."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'epoch'"):
        descend.train("xor", epoch=5)  # type: ignore[call-arg]


def test_public_functions_can_be_sent_to_other_processes() -> None:
    """pickle finds each where it says that it is."""
    for name in descend.__all__:
        value = getattr(descend, name)
        if callable(value) and not isinstance(value, type):
            assert pickle.loads(pickle.dumps(value)) is value


@pytest.mark.parametrize("cost", [0, -5, float("nan")])
def test_a_proof_that_may_cost_nothing_is_refused(cost: float) -> None:
    with pytest.raises(descend.DescendError, match="most_cost"):
        descend.diagnose("xor", prove=True, most_cost=cost)


def test_whole_numbers_of_numpy_are_whole_numbers() -> None:
    watch = descend.watch(torch.nn.Linear(2, 1), every=np.int64(3), out=None)
    assert watch.status == "running"
    with pytest.raises(descend.DescendError, match="every"):
        descend.watch(torch.nn.Linear(2, 1), every=True, out=None)
