"""Each fault that shows after a training, built small, and not in its twin."""

from __future__ import annotations

import numpy as np

from descend.diagnosis.diagnosing import diagnose
from tests.findings.scenes import codes, diagnosed, found, noise


def test_labels_learnt_by_heart_are_no_signal() -> None:
    x, y = noise(300, 20)
    recipe = {"network": {"hidden": [64]}, "training": {"lr": 0.01, "epochs": 60}}
    diagnosis = diagnose(recipe, data=(x, y))
    finding = found(diagnosis, "D309")
    assert finding.numbers["train"] > 0.95
    assert abs(finding.numbers["held_out"] - 0.5) < 0.2


def test_a_held_out_loss_that_rises_is_overfitting() -> None:
    x, y = noise(400, 10)
    y = np.where(np.random.default_rng(1).random(400) < 0.3, y, x[:, 0] > 0).astype(np.int64)
    recipe = {"network": {"hidden": [128, 128]}, "training": {"lr": 0.005, "epochs": 80}}
    finding = found(diagnose(recipe, data=(x, y)), "D301")
    assert finding.numbers["last"] > 1.25 * finding.numbers["least"]
    assert finding.numbers["gap"] > 0


def test_a_network_by_heart_that_a_line_beats_on_others_overfits_without_a_rise() -> None:
    """What is learnt by heart in a few steps has no better loss to rise from."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(700, 30)).astype(np.float32)
    y = x @ rng.normal(size=30) / 5.5 + 0.4 * rng.normal(size=700)
    recipe = {
        "data": {"validation": 600 / 700, "test": 0, "scale": "standard"},
        "network": {"hidden": [128, 128]},
        "training": {"lr": 0.003, "epochs": 100, "batch_size": 20},
    }
    diagnosis = diagnose(recipe, data=(x, y), share=1.0)
    finding = found(diagnosis, "D301")
    assert "where a linear model reaches" in finding.evidence
    assert finding.numbers["train"] > 0.9 > finding.numbers["simple"] > 0.2
    assert finding.numbers["held_out"] < 0.75 * finding.numbers["simple"]


def test_a_network_that_fails_on_others_does_not_learn_nevertheless() -> None:
    """First weights that are forecast to harm have harmed where a line knows held-out examples."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(300, 12)).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(np.int64)
    recipe = {
        "data": {"scale": "standard", "validation": 0.4, "test": 0},
        "network": {
            "hidden": [128, 128, 128],
            "activation": "tanh",
            "init": {"name": "normal", "std": 3.0},
        },
        "training": {"optimizer": "sgd", "lr": 0.01, "epochs": 150},
    }
    diagnosis = diagnose(recipe, data=(x, y), share=1.0)
    assert diagnosis.findings[0].severity != "note"
    assert diagnosis.findings[0].code in ("D101", "D103")


def test_a_training_of_a_few_steps_is_too_short() -> None:
    diagnosis = diagnosed({"training.lr": 1e-3, "training.epochs": 3})
    assert "D303" in codes(diagnosis)
    assert "D206" not in codes(diagnosis)


def test_what_one_step_too_few_brings_is_told_by_the_last_fifth() -> None:
    edits = {"data.source": "spirals", "data.noise": 0.0, "training.lr": 1e-3}
    diagnosis = diagnosed({**edits, "training.epochs": 15})
    assert codes(diagnosis) & {"D303", "D302", "D207", "D209"}


def test_a_penalty_that_keeps_all_weights_at_zero_is_named() -> None:
    finding = found(diagnosed({"network.l2": 1.0}), "D304")
    assert finding.remedies[0].edits == {"network.l2": 0.0}


def test_a_small_penalty_is_no_fault() -> None:
    assert diagnosed({"network.l2": 1e-5}).is_healthy


def test_the_largest_class_alone_is_no_answer() -> None:
    x, y = noise(600, 3)
    y = (np.arange(600) % 12 == 0).astype(np.int64)
    recipe = {
        "data": {"validation": 0.2, "test": 0.2},
        "network": {"hidden": [2]},
        "training": {"epochs": 30, "optimizer": "sgd", "lr": 0.05},
    }
    finding = found(diagnose(recipe, data=(x, y), share=1.0), "D305")
    assert finding.numbers["majority"] > 0.9


def test_a_network_that_is_beaten_by_its_neighbours_underfits() -> None:
    edits = {"network.hidden": [1], "data.noise": 0.02}
    assert {"D302"} & codes(diagnosed({**edits, "training.epochs": 60}))


def test_one_seed_is_said() -> None:
    x, _ = noise(100, 2)
    diagnosis = diagnose({"training": {"epochs": 5}}, data=(x, x[:, 0] > 0), seeds=1, share=1.0)
    assert "D306" in codes(diagnosis)


def test_seeds_that_differ_are_said_with_their_share() -> None:
    """XOR with two sigmoid units: of the seeds 777, 778 and 779 two learn."""
    diagnosis = diagnose("xor-nn")
    finding = found(diagnosis, "D307")
    assert 0 < finding.numbers["share"] < 1
    assert diagnosis.is_healthy


def test_statistics_that_do_not_fit_are_found() -> None:
    """Five steps leave the running means where they began."""
    x, _ = noise(400, 3)
    x = x + 30
    recipe = {
        "data": {"scale": "none"},
        "network": {"hidden": [32], "batch_norm": "before"},
        "training": {"lr": 0.3, "epochs": 2, "batch_size": 60},
    }
    diagnosis = diagnose(recipe, data=(x, (x[:, 0] > 30).astype(np.int64)), share=1.0)
    finding = found(diagnosis, "D308")
    assert finding.numbers["evaluation"] > finding.numbers["training"]
