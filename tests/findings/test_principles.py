"""Where the rules that look alike part: each case is one that another reading would get wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from descend.diagnosis.checking import recorded
from descend.diagnosis.diagnosing import diagnose
from descend.findings.before.excess_depth import VANISHED, excess_depth
from descend.findings.finding import Finding
from descend.findings.fork import Fork
from descend.findings.record import Record
from descend.findings.rule import rules
from descend.recipe.asked import Asked
from tests.findings.scenes import HEALTHY, codes, diagnosed, found, noise


def test_a_rise_of_the_held_out_loss_without_a_gap_is_no_overfitting() -> None:
    """A rate so high that all losses jump: training examples are answered no better."""
    edits = {"training.optimizer": "sgd", "training.lr": 3.0, "network.activation": "tanh"}
    assert "D301" not in codes(diagnosed(edits))


def test_what_is_worse_than_a_constant_on_others_is_overfitting() -> None:
    """Forty examples known by heart before the first look at the others: nothing rises there."""
    x, _ = noise(240, 20)
    y = (x[:, 0] + x[:, 1] * x[:, 2] > 0).astype(np.int64)
    recipe = {
        "data": {"validation": 0, "test": 200},
        "network": {"hidden": [128, 128]},
        "training": {"lr": 0.005, "epochs": 600, "batch_size": 16},
    }
    finding = found(diagnose(recipe, data=(x, y)), "D301")
    assert finding.severity == "warning"
    assert finding.numbers["gap"] > 0.2
    assert finding.numbers["last"] > 0.69


def test_an_accuracy_below_the_largest_class_is_not_that_of_the_largest_class() -> None:
    """Few examples, of which the training ones are told apart, say nothing of a metric."""
    x, _ = noise(60, 8, 3)
    y = (np.arange(60) % 5 == 0).astype(np.int64)
    recipe = {
        "data": {"validation": 0, "test": 20},
        "network": {"hidden": [64]},
        "training": {"lr": 0.01, "epochs": 150},
    }
    diagnosis = diagnose(recipe, data=(x, y))
    assert diagnosis.records[0].metrics["train/accuracy"] == 1.0
    assert "D305" not in codes(diagnosis)


def test_one_saturated_layer_is_not_too_much_depth() -> None:
    """The gradient is lost at once, in the layer whose biases are far out."""
    far = {"name": "constant", "value": 9.0}
    layers: list[dict[str, Any]] = [
        {"units": 16, "activation": "tanh", "bias_init": far if place == 1 else "zeros"}
        for place in range(3)
    ]
    [of_one] = records({"layers": layers, "activation": "tanh"})
    [of_many] = records({"hidden": [16] * 10, "activation": "sigmoid"})
    lost = [one.first("gradient_norm", one.layers[0]) for one in (of_one, of_many)]
    kept = [one.first("gradient_norm", one.output) for one in (of_one, of_many)]
    assert all(first < VANISHED * last for first, last in zip(lost, kept, strict=True))
    assert not isinstance(excess_depth.look(of_one), Finding)
    assert isinstance(excess_depth.look(of_many), Finding)


def records(network: dict[str, Any]) -> list[Record]:
    return recorded(Asked.of({**HEALTHY, "network": network}), None, None, 1)[1]


def test_a_rate_that_brings_nothing_is_too_low_though_others_bring_little_yet() -> None:
    """Adadelta's rate of 0.001: a hundred times that begins to learn in a tenth of the steps."""
    edits = {"training.optimizer": "adadelta", "training.lr": 0.001}
    assert "D209" in codes(diagnosed({**edits, "training.epochs": 60}))


def test_losses_below_zero_have_a_best_fork_too() -> None:
    """A Poisson loss of negative targets falls without end, and a rule compares its forks."""
    diagnosis = diagnose(
        {
            "data": {"source": "sine", "target_scale": "none"},
            "network": {"hidden": [8]},
            "training": {"loss": "poisson", "lr": 0.3, "epochs": 40},
        },
        share=1.0,
    )
    [record] = diagnosis.records[:1]
    falling = np.linspace(-1, -40, 20)
    forks = {"lr / 3": Fork(np.arange(20), falling), "lr / 10": Fork(np.arange(20), falling / 8)}
    [rule] = [rule for rule in rules() if rule.code == "D208"]
    stuck = replace(record, forks=forks, losses=np.full_like(record.losses, 5.0), curves={})
    [finding], _ = rule.findings(stuck)
    assert len(finding.remedies) == 1
