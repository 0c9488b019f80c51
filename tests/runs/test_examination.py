"""Every training is examined, before its first step and at its end, and no bit of it changes."""

from __future__ import annotations

import json
import logging
import signal
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import descend
from descend.diagnosis import examiner
from descend.diagnosis.examination import Examination
from descend.diagnosis.examiner import MANY, MOST, Examiner
from descend.findings.rule import rules
from descend.intake import complete_with_examples
from descend.runs.session import Session
from descend.training.training import Progress
from tests.training.scenes import training_of

TREE: dict[str, Any] = {
    "data": {"source": "moons", "examples": 80},
    "network": {"hidden": [8, 8], "batch_norm": "before", "dropout": 0.2},
    "training": {"epochs": 6, "batch_size": 16},
}
SICK = {"network.batch_norm": False, "network.init": {"name": "normal", "std": 20.0}}


def codes(findings: Any) -> list[str]:
    return [one["code"] for one in findings if one["severity"] != "note"]


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory) -> descend.Run:
    return descend.train(TREE, edits=SICK, seeds=2, out=tmp_path_factory.mktemp("sick"))


def test_findings_lie_in_the_run_its_folder_and_its_document(sick: descend.Run) -> None:
    """`findings.json` is the examination; `findings` are its findings, causes first."""
    assert sick.folder is not None
    assert codes(sick.findings)[0] == "D101"
    assert sick.to_json()["findings"] == sick.findings
    written = json.loads((sick.folder / "findings.json").read_text())
    assert set(written) == {"findings", "is_healthy", "ran", "silent", "margins", "seeds"}
    assert written["seeds"] == 2
    assert not written["is_healthy"]
    read = descend.load_run(sick.folder)
    assert read.examination == written
    assert read.findings == written["findings"]
    assert codes(read.findings) == codes(sick.findings)


def test_a_healthy_training_has_no_alarm() -> None:
    """Checks of all three families have looked all the same."""
    run = descend.train("moons", out=None)
    assert codes(run.findings) == []
    assert run.examination is not None
    assert {code[1] for code in run.examination["ran"]} == {"1", "2", "3"}


@pytest.mark.parametrize(
    "edits",
    [{}, {"network.batch_norm": False, "network.init": "rbm"}, {"training.optimizer": "lbfgs"}],
    ids=["adam", "machines", "lbfgs"],
)
def test_no_bit_of_a_training_changes(edits: dict[str, Any]) -> None:
    """Weights, curves and measurements are those of a training that nobody has looked at."""
    recipe = descend.Recipe.of(TREE).edited(edits)
    unseen = Session(training_of(recipe.tree(), [3, 4]), None)
    unseen.run()
    run = descend.train(recipe, seeds=[3, 4], out=None)
    assert run.examination is not None
    for name in ("theta", "statistics"):
        ours, theirs = (getattr(one.stack, name) for one in (run, unseen))
        assert ours.numpy().tobytes() == theirs.numpy().tobytes()  # also where they are NaN
    assert run.trace.equals(unseen.training.trace.frame())
    assert run.history_table.equals(unseen.training.history.frame())


def test_what_is_found_before_a_step_is_told_before_a_step() -> None:
    """`found` is called once, with the first family only; what is healthy is told too."""
    told: list[Any] = []
    descend.train(TREE, edits=SICK, out=None, found=told.append, tell=told.append)
    examination, *progress = told
    assert isinstance(examination, Examination)
    assert all(isinstance(one, Progress) for one in progress)
    assert examination.findings[0].code == "D101"
    assert {code[1] for code in (*examination.ran, *examination.silent)} == {"1"}


def test_weights_that_are_given_are_those_that_are_looked_at() -> None:
    """A model that begins at zero is said to, although its seed would draw other weights."""
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    for parameter in model.parameters():
        nn.init.zeros_(parameter)
    tree = {name: TREE[name] for name in ("data", "training")}
    told: list[Examination] = []
    run = descend.train(tree, model=model, out=None, found=told.append)
    assert told[0].findings[0].code == "D104"
    assert codes(run.findings)[0] == "D104"


def test_without_measurements_the_first_step_is_known_all_the_same() -> None:
    """What was found before a step is still found where no step is measured."""
    unmeasured = {"training.measure_every": 0, "training.measure_first": 0}
    run = descend.train(TREE, edits={**SICK, **unmeasured}, out=None)
    assert codes(run.findings)[0] == "D101"


def test_of_many_networks_the_first_are_looked_at_and_of_very_many_none() -> None:
    """`seeds` of the examination says how many; without one there are no findings."""
    few = descend.train(TREE, epochs=1, seeds=MOST + 2, out=None)
    assert few.examination is not None
    assert few.examination["seeds"] == MOST
    told: list[Examination] = []
    many = descend.train(TREE, epochs=1, seeds=MANY + 1, out=None, found=told.append)
    assert (many.examination, many.findings, told) == (None, [], [])


@pytest.mark.parametrize(("epochs", "is_long"), [(5, False), (50_000, True)])
def test_rules_that_are_dear_look_at_long_trainings_only(epochs: int, is_long: bool) -> None:
    """By the steps and products that are planned, not by the clock: a resumed run has the same."""
    recipe, examples = complete_with_examples(
        descend.Recipe.of(TREE).edited({"training.epochs": epochs})
    )
    looking = Examiner([recipe], examples)
    assert looking.before() is not None
    dear = {rule.code for rule in rules() if rule.is_dear}
    assert dear
    assert (dear <= {rule.code for rule in looking.rules}) == is_long
    assert bool(dear & {rule.code for rule in looking.rules}) == is_long


def test_an_interrupted_training_has_no_findings_and_a_resumed_one_has_all(
    sick: descend.Run, tmp_path: Path
) -> None:
    """The document of the whole run, byte for byte."""

    def tell(progress: Progress) -> None:
        if progress.step >= 10:
            signal.raise_signal(signal.SIGINT)

    run = descend.train(TREE, edits=SICK, seeds=2, out=tmp_path, tell=tell)
    assert (run.status, run.findings) == ("interrupted", [])
    assert run.folder is not None
    assert sick.folder is not None
    assert not (run.folder / "findings.json").exists()
    resumed = descend.resume(run.folder)
    assert codes(resumed.findings) == codes(sick.findings)
    written = [(one / "findings.json").read_bytes() for one in (run.folder, sick.folder)]
    assert written[0] == written[1]


def test_a_resumed_training_of_a_model_is_not_judged_by_weights_that_it_never_had(
    tmp_path: Path,
) -> None:
    """Zeros that the recipe would draw are no fault of a run that began elsewhere."""

    def tell(progress: Progress) -> None:
        if progress.step >= 10:
            signal.raise_signal(signal.SIGINT)

    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    tree = {name: TREE[name] for name in ("data", "training")}
    unmeasured = {"training.measure_every": 0, "training.measure_first": 0}
    edits = {"network.init": "zeros", "network.bias_init": "zeros", **unmeasured}
    run = descend.train(tree, model=model, edits=edits, out=tmp_path, tell=tell)
    resumed = descend.resume(run.folder or "")
    assert "D104" not in codes(resumed.findings)
    assert "D104" in (resumed.examination or {})["silent"]


def test_a_diverged_training_is_examined() -> None:
    """What made its loss infinite is named."""
    edits = {"training.optimizer": "sgd", "training.lr": 1e6, "network.batch_norm": False}
    run = descend.train(TREE, edits=edits, out=None)
    assert run.status == "diverged"
    assert set(codes(run.findings)) & {"D160", "D208"}


def test_a_comparison_is_not_examined(tmp_path: Path) -> None:
    """Its stacks have no findings."""
    descend.compare(TREE, vary={"training.lr": [0.1, 0.01]}, epochs=1, seeds=2, out=tmp_path)
    assert list(tmp_path.rglob("run.json"))
    assert not list(tmp_path.rglob("findings.json"))


@pytest.mark.parametrize("broken", ["planned", "examine"])
def test_an_examination_that_fails_loses_no_training(
    broken: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged as what it is; the run has none."""

    def fail(*arguments: Any) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.delenv("DESCEND_TRACEBACK", raising=False)
    monkeypatch.setattr(examiner, broken, fail)
    with caplog.at_level(logging.WARNING, "descend"):
        run = descend.train(TREE, epochs=1, out=tmp_path)
    assert run.status == "finished"
    assert "the examination has failed: ZeroDivisionError: by zero" in caplog.text
    assert run.examination is None
    assert descend.load_run(run.folder or "").findings == []
