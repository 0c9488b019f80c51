"""Published rules, stated anew: each speaks of what it is about, and of nothing else.

That they say what their tools say is not tested here: that takes cases which are no part of the
project, and `benchmarks/published_rules.py` counts it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from descend.api import train
from descend.data.arrays import from_arrays
from descend.intake import examples_of
from descend.recipe import Recipe
from descend.recipe.model import Data

pytest.importorskip("benchmarks.published", reason="the benchmarks are not part of this package")

from benchmarks.corpus.beside import (
    Outcome,
    agreed,
    outcomes_in,
    rules_in,
    said_by_tools,
    summarised,
    verdicts_in,
)
from benchmarks.corpus.cases import Case
from benchmarks.corpus.cures import Cure
from benchmarks.corpus.verdicts import Named, Verdict
from benchmarks.published import monitor
from benchmarks.published.monitor import watched
from benchmarks.published.rules import Fired, Symptom, Tool, alarms
from benchmarks.published.seen import Seen
from benchmarks.published.table import by_rule, by_tool
from benchmarks.published.tools import TOOLS

EPOCHS, STEPS_AN_EPOCH = 25, 4
SYMPTOMS = {(tool.name, one.name): one for tool in TOOLS for one in tool.symptoms}
Change = Callable[[dict[str, Any]], None]


def sound() -> dict[str, Any]:
    """The parts of a training of two ReLU layers and a sigmoid one in which nothing is wrong."""
    draw = np.random.default_rng(0)
    looks = EPOCHS + 1
    steps = np.array([*range(0, EPOCHS * STEPS_AN_EPOCH, STEPS_AN_EPOCH), EPOCHS * 4 - 1])
    layers = {
        "output_mean": draw.uniform(0.1, 1, (looks, 3)),
        "output_size": draw.uniform(0.1, 1, (looks, 3)),
        "low_share": draw.uniform(0.3, 0.6, (looks, 3)),
        "saturated_share": np.zeros((looks, 3)),
        "weight_mean": draw.normal(size=(looks, 3)),
        "weight_norm": draw.uniform(1, 2, (looks, 3)),
        "weight_variance": draw.uniform(0.1, 1, (looks, 3)),
        "gradient_mean": draw.normal(size=(looks, 3)),
        "gradient_size": draw.uniform(0.01, 0.1, (looks, 3)),
        "gradient_norm": draw.uniform(0.1, 0.2, (looks, 3)),
    }
    network = {
        "loss": np.linspace(0.7, 0.2, looks),
        "row_sum": np.full(looks, 0.9),
        "output_spread": np.full(looks, 0.8),
        "zero_gradients": np.full(looks, 0.2),
        "gradient_norm": np.full(looks, 0.3),
        "alpha": np.where(np.arange(looks) % 5, np.nan, -0.5),
        "sharpness": np.where(np.arange(looks) % 5, np.nan, 10.0),
    }
    curves = {
        "train/loss": np.linspace(0.7, 0.2, EPOCHS),
        "train/accuracy": np.linspace(0.5, 0.93, EPOCHS),
        "held out/loss": np.linspace(0.7, 0.25, EPOCHS),
        "held out/accuracy": np.linspace(0.5, 0.9, EPOCHS),
    }
    return {
        "task": "binary",
        "loss": "bce",
        "loss_on": "probabilities",
        "optimizer": "sgd",
        "lr": 0.01,
        "is_plain": True,
        "activations": ["relu", "relu", "sigmoid"],
        "dropouts": [0.0, 0.2, 0.0],
        "inputs": (-1.0, 1.0),
        "targets": (0.0, 1.0),
        "target_spread": 1.0,
        "steps": steps,
        "epochs": np.arange(looks),
        "layers": layers,
        "network": network,
        "curves": curves,
        "planned_steps": EPOCHS * STEPS_AN_EPOCH,
    }


def sets(path: str, value: Any, place: Any = slice(None)) -> Change:
    """A change: the numbers under "part.name", or the part itself, become these."""

    def change(parts: dict[str, Any]) -> None:
        part, _, name = path.partition(".")
        if name:
            parts[part][name][place] = value
        elif place == slice(None):
            parts[part] = value
        else:
            parts[part][place] = value

    return change


def seen(*changes: Change) -> Seen:
    parts = sound()
    for change in changes:
        change(parts)
    return Seen(**parts)


POOR = sets("curves.train/accuracy", 0.4), sets("curves.held out/accuracy", 0.4)
LAYER_2 = (slice(None), 1)
FAULTS: dict[tuple[str, str], tuple[Change, ...]] = {
    ("AutoTrainer", "not finite"): (
        sets("network.loss", np.nan, slice(12, None)),
        sets("layers.gradient_norm", np.nan, slice(12, None)),
    ),
    ("AutoTrainer, 2024", "abnormal data"): (*POOR, sets("layers.output_size", 11, LAYER_2)),
    ("AutoTrainer, 2024", "improper activation"): (*POOR, sets("activations", "relu", 2)),
    ("AutoTrainer, 2024", "improper loss"): (*POOR, sets("loss", "mse")),
    ("AutoTrainer", "vanishing gradient"): (
        *POOR,
        sets("layers.gradient_norm", 1e-5, (slice(None), 0)),
    ),
    ("AutoTrainer", "exploding gradient"): (
        *POOR,
        sets("layers.gradient_norm", 100, (slice(None), 0)),
    ),
    ("AutoTrainer", "dying ReLU"): (*POOR, sets("network.zero_gradients", 0.75)),
    ("AutoTrainer", "unstable"): (
        *POOR,
        sets("curves.train/accuracy", np.resize([0.4, 0.5], EPOCHS)),
    ),
    ("AutoTrainer", "slow convergence"): POOR,
    ("DeepLocalize", "broken output"): (sets("layers.output_mean", np.inf, (3, 1)),),
    ("DeepLocalize", "broken weight"): (sets("layers.weight_mean", 0, (slice(0, 20), 1)),),
    ("DeepLocalize", "broken gradient"): (sets("layers.gradient_mean", np.nan, (3, 1)),),
    ("DeepLocalize", "unchanged output"): (sets("layers.output_mean", 0.3, (slice(3, 8), 1)),),
    ("DeepLocalize", "unchanged weight"): (sets("layers.weight_mean", 0.3, (slice(3, 8), 1)),),
    ("DeepLocalize", "unchanged gradient"): (sets("layers.gradient_mean", 0.3, (slice(3, 8), 1)),),
    ("DeepLocalize", "does not learn"): (sets("network.loss", 0.69, slice(3, 8)),),
    ("DeepDiagnosis", "numerical error in outputs"): (sets("layers.output_mean", 0, (3, 1)),),
    ("DeepDiagnosis", "numerical error in weights"): (sets("layers.weight_mean", 0, (3, 1)),),
    ("DeepDiagnosis", "numerical error in gradients"): (sets("layers.gradient_mean", 0, (3, 1)),),
    ("DeepDiagnosis", "out of range"): (sets("targets", (0.0, 7.0)),),
    ("DeepDiagnosis", "dead node"): (sets("layers.low_share", 0.8, (-1, 1)),),
    ("DeepDiagnosis", "saturated activation"): (sets("layers.saturated_share", 0.6, (5, 1)),),
    ("DeepDiagnosis", "vanishing gradient"): (sets("layers.gradient_size", 1e-8, (3, 1)),),
    ("DeepDiagnosis", "unchanged tensor"): (sets("layers.weight_mean", 0.3, (slice(3, 8), 1)),),
    ("DeepDiagnosis", "loss not decreasing"): (sets("curves.train/loss", 0.69, slice(3, 8)),),
    ("DeepDiagnosis", "accuracy not increasing"): (sets("curves.train/accuracy", 0.5),),
    ("DeepDiagnosis", "invalid accuracy"): (sets("curves.train/accuracy", 0.0, 0),),
    ("UMLAUT", "missing softmax"): (),
    ("UMLAUT", "missing activation"): (sets("activations", "identity", 1),),
    ("UMLAUT", "final activation"): (sets("activations", "relu", 2),),
    ("UMLAUT", "high dropout"): (sets("dropouts", 0.6, 1),),
    ("UMLAUT", "unnormalised input"): (sets("inputs", (0.0, 255.0)),),
    ("UMLAUT", "NaN input"): (sets("inputs", (np.nan, np.nan)),),
    ("UMLAUT", "high learning rate"): (sets("lr", 0.1),),
    ("UMLAUT", "low learning rate"): (sets("lr", 1e-8),),
    ("UMLAUT", "overfitting"): (sets("curves.held out/loss", 1.0, 9),),
    ("UMLAUT", "suspicious accuracy"): (sets("curves.held out/accuracy", 0.96, 9),),
    ("UMLAUT, as meant", "missing softmax"): (sets("loss", "cross_entropy"),),
    ("Cockpit", "gradient norm not finite"): (sets("network.gradient_norm", np.inf, 4),),
    ("Cockpit", "alpha above 1"): (sets("network.alpha", 1.5),),
    ("Cockpit", "curvature above 2 / rate"): (sets("network.sharpness", 300.0),),
    ("Cockpit", "alpha below -0.99"): (sets("network.alpha", -0.999),),
}


def test_every_symptom_has_a_fault_here() -> None:
    """What a later version of a tool has taken over is tested once."""
    distinct = {symptom: key for key, symptom in reversed(SYMPTOMS.items())}
    assert set(FAULTS) == set(distinct.values())


@pytest.mark.parametrize(("tool", "name"), FAULTS, ids=lambda part: part.replace(" ", "-"))
def test_a_rule_speaks_of_its_symptom(tool: str, name: str) -> None:
    assert SYMPTOMS[tool, name].rule(seen(*FAULTS[tool, name])) is not None


@pytest.mark.parametrize(("tool", "name"), SYMPTOMS, ids=lambda part: part.replace(" ", "-"))
def test_a_sound_training_has_no_symptom(tool: str, name: str) -> None:
    """But the one that every output has whose layer is not called softmax."""
    spoke = SYMPTOMS[tool, name].rule(seen()) is not None
    assert spoke == ((tool, name) == ("UMLAUT", "missing softmax"))


def test_a_good_accuracy_silences_autotrainer() -> None:
    vanished = FAULTS["AutoTrainer", "vanishing gradient"][-1]
    good = sets("curves.train/accuracy", np.linspace(0.65, 0.95, EPOCHS))
    assert SYMPTOMS["AutoTrainer", "vanishing gradient"].rule(seen(vanished)) is not None
    assert SYMPTOMS["AutoTrainer", "vanishing gradient"].rule(seen(vanished, good)) is None


def test_the_layer_and_the_step_are_those_of_the_first_sign() -> None:
    fired = SYMPTOMS["DeepDiagnosis", "vanishing gradient"].rule(
        seen(sets("layers.gradient_size", 1e-8, (slice(3, None), 1)))
    )
    assert fired is not None
    assert (fired.step, fired.layer) == (3 * STEPS_AN_EPOCH, 2)


@pytest.mark.parametrize(
    ("change", "causes"),
    [
        (sets("layers.weight_variance", 1e-6, LAYER_2), {"init_scale_too_small"}),
        (sets("inputs", (0.0, 255.0)), {"unscaled_input"}),
        (sets("lr", 10.0), {"lr_too_high"}),
        (sets("lr", 0.01), {"activation_choice"}),
    ],
)
def test_the_advice_of_deep_diagnosis_goes_from_weights_to_data_to_the_rate(
    change: Change, causes: set[str]
) -> None:
    broken = sets("layers.output_mean", np.nan, (3, 1))
    fired = SYMPTOMS["DeepDiagnosis", "numerical error in outputs"].rule(seen(broken, change))
    assert fired is not None
    assert causes <= set(fired.causes)


def test_a_tool_speaks_where_most_networks_show_a_symptom() -> None:
    sound_one, fast = seen(), seen(sets("lr", 0.1))
    umlaut = next(tool for tool in TOOLS if tool.name == "UMLAUT, as meant")
    assert alarms(umlaut, [sound_one, sound_one, fast]) == []
    (alarm,) = alarms(umlaut, [sound_one, fast, fast])
    assert alarm.name == "high learning rate"


def test_what_comes_first_is_reported_first() -> None:
    def at(step: int, layer: int | None = None) -> Callable[[Seen], Fired]:
        return lambda seen: Fired(step, layer, ("no_signal",))

    symptoms = (
        Symptom("late", "", (), at(9)),
        Symptom("graver", "", ("overfitting",), at(2, 1)),
        Symptom("lesser", "", (), at(2)),
    )
    found = alarms(Tool("a tool", symptoms), [seen()])
    assert [alarm.name for alarm in found] == ["graver", "lesser", "late"]
    assert (found[0].layer, found[0].causes) == (1, ("overfitting", "no_signal"))


# The monitor, on real trainings.


def line(**training: Any) -> tuple[Recipe, Any]:
    """A linear model of one feature, for which all of this has a closed form."""
    x = np.linspace(-2, 3, 8).reshape(-1, 1)
    given = {"optimizer": "sgd", "batch_size": "all", "epochs": 30, "lr": 0.1, **training}
    data = {"source": "arrays", "scale": "none", "target_scale": "none", "validation": 0, "test": 0}
    recipe = Recipe.of({"data": data, "network": {"hidden": []}, "training": given})
    return recipe, from_arrays(x, 2 * x - 1, Data.model_validate(data))


def test_alpha_and_sharpness_are_those_of_a_parabola() -> None:
    """H = 2 AᵀA / n with A = [x 1]; along its first eigenvector α = lr λ - 1."""
    recipe, examples = line()
    (network,) = watched(recipe, examples, seeds=1)
    a = torch.cat([examples.train.x, torch.ones(8, 1)], dim=1).double()
    largest = float(torch.linalg.eigvalsh(2 * a.T @ a / 8).max())
    taken = np.isfinite(network.network["alpha"])
    # eight iterations towards the first of two eigenvalues, and float32 in each
    assert network.network["sharpness"][taken] == pytest.approx(largest, rel=0.01)
    diverging, examples = line(lr=2.5 / largest)
    (network,) = watched(diverging, examples, seeds=1)
    alpha = network.network["alpha"][np.isfinite(network.network["alpha"])]
    assert alpha[-1] == pytest.approx(1.5, abs=0.01)  # the other direction has died away


def blobs(**edits: Any) -> Recipe:
    tree = {
        "data": {"source": "blobs"},
        "network": {"hidden": [8, 8], "batch_norm": "before", "dropout": 0.2},
        "training": {"epochs": 4, "batch_size": 50, "seed": 3},
    }
    return Recipe.of(tree).edited(edits)


def test_watching_changes_no_bit_of_a_training() -> None:
    """Nor do the further passes that measure curvature touch masks or running statistics."""
    recipe = blobs()
    (network,) = watched(recipe, examples_of(recipe, None, None), seeds=1)
    plain = train(recipe, edits={"training.evaluate": ["train"]}, out=None)
    ours = [row["train/loss"] for row in plain.history]
    assert network.curves["train/loss"].tolist() == ours


def test_a_look_is_taken_at_each_epoch_and_where_a_network_is_lost() -> None:
    recipe = blobs()
    (network,) = watched(recipe, examples_of(recipe, None, None), seeds=1)
    an_epoch = network.planned_steps // 4
    starts = [network.step(look) for look in network.epochs]
    assert starts == [0, an_epoch, 2 * an_epoch, 3 * an_epoch, 4 * an_epoch - 1]
    lost, other = watched(line(lr=1e12)[0], line()[1], seeds=2)
    assert not np.isfinite(lost.network["loss"][-1])
    assert len(lost.steps) == len(lost.layers["weight_norm"]) < 30
    assert other.step(-1) < 30


def test_a_training_beyond_reach_has_fewer_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = blobs()
    examples = examples_of(recipe, None, None)
    monkeypatch.setattr(monitor, "WORK", 1.0)
    (network,) = watched(recipe, examples, seeds=1)
    assert len(network.curves["train/loss"]) == 1
    assert network.planned_steps == 4 * (network.step(-1) + 1)


# Scores and tables.


def outcome(use: str, role: str, **more: Any) -> Outcome:
    tree = {"id": f"{use}-{role}", "role": role, "usable_as": use, "known_faults": [], **more}
    named = Named("UMLAUT", "high dropout", "warning", ("dropout_too_high",), (1,))
    verdict = Verdict("done", named=(named,), budget=0.1)
    return Outcome(Case(tree), {"UMLAUT": verdict}, {("UMLAUT", "high dropout"): True})


KNOWN = [{"cause": "dropout_too_high", "layer": 1}]


def test_scores_beside_descend_are_of_the_same_cases() -> None:
    both = outcome("positive", "faulty", known_faults=KNOWN)
    alone = outcome("negative", "healthy")
    summary, ours = summarised(["UMLAUT"], [both, alone], {both.case.id: Verdict("done")})["UMLAUT"]
    assert summary["of"]["healthy"] == 0
    assert (summary["detected"], summary["layer_right"]) == (1, 1)
    assert ours is not None
    assert ours["detected"] == 0


def test_a_rule_is_counted_by_the_kind_of_case() -> None:
    rows = rules_in(
        [
            outcome("positive", "faulty", known_faults=KNOWN),
            outcome("positive", "disputed"),
            outcome("negative", "fixed"),
            outcome("negative", "healthy"),
            outcome("weak", "faulty"),
        ]
    )
    row = rows["UMLAUT", "high dropout"]
    assert row == {"faulty": (2, 2), "right": (1, 2), "fixed": (1, 1), "healthy": (1, 1)}
    assert "2 of 2" in by_rule(TOOLS, rows)


def test_what_was_written_is_read_again(tmp_path: Path) -> None:
    done = outcome("positive", "faulty", known_faults=KNOWN)
    row = {
        "id": done.case.id,
        "verdicts": {name: verdict.to_json() for name, verdict in done.verdicts.items()},
        "fires": [[*symptom, fires] for symptom, fires in done.fires.items()],
    }
    path = tmp_path / "outcomes.json"
    path.write_text(json.dumps({"cases": [row]}), encoding="utf-8")
    assert outcomes_in(path, [done.case, outcome("negative", "fixed").case]) == [done]


def test_cures_are_no_part_of_the_comparison(tmp_path: Path) -> None:
    """No tool has any: descend's own, which diagnosis.py has written, are not read."""
    verdict = Verdict("done", cure=Cure({"training.lr": 0.1}, (1.0,), (1.0,)))
    path = tmp_path / "verdicts.json"
    path.write_text(json.dumps({"cases": [{"id": "a", **verdict.to_json()}]}), encoding="utf-8")
    assert verdicts_in([path]) == {"a": replace(verdict, cure=None)}


def test_what_a_tool_said_itself_is_compared() -> None:
    table = {"DeepDiagnosis_table6": {"identified": {"UMLAUT": False, "DeepLocalize": True}}}
    other = outcome("positive", "faulty", anchors=table)
    assert said_by_tools(other.case) == {"UMLAUT": False, "DeepLocalize": True}
    assert agreed([other]) == {"UMLAUT": {"alarm": (0, 0), "none": (0, 1)}}


def test_a_tool_without_layers_has_no_score_of_them() -> None:
    cockpit = next(tool for tool in TOOLS if tool.name == "Cockpit")
    done = outcome("positive", "faulty", known_faults=KNOWN)
    done = replace(done, verdicts={"Cockpit": done.verdicts["UMLAUT"]})
    rows = by_tool([cockpit], summarised(["Cockpit"], [done], {})).splitlines()
    assert rows[-1] == "| Cockpit | - | - | 1 of 1 | 1 of 1 | 1 of 1 | - | 0.100 |"
