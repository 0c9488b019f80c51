"""Each fault of somebody's loop, told from what was seen of it, and not from its healthy twin's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from descend.diagnosis.examination import Examination, examine
from descend.findings.finding import Finding
from descend.findings.lines import spelled_remedy
from descend.findings.loop import Loop, Seen, Undefined
from descend.findings.record import Layer, Record

STEPS = np.arange(40)
SOUND: dict[str, Any] = {
    "passes": 40,
    "backwards": 40,
    "steps": 40,
    "optimizers": 1,
    "stale": 0.0,
    "early": 0.0,
    "empty": 0.0,
    "upwards": 0.0,
    "renewed": 0.0,
    "kept_graphs": (0, 10),
    "moded": {"1": "batch norm", "3": "dropout"},
    "in_eval": {"1": 0.0, "3": 0.0},
    "in_train": {"1": 0.0, "3": 0.0},
}


def layers() -> list[Layer]:
    """Three layers as they are in a torch.nn.Sequential."""
    names = ("0", "4", "6")
    return [
        Layer(number, 3, 8, 8, "relu" if number < 3 else "identity", name=name)
        for number, name in enumerate(names, start=1)
    ]


def seen(fall: float = 0.1, moves: bool = True, **loop: Any) -> Examination:
    """What is found in a watched loop; fall: what is left of the loss in the end."""
    ratio = np.full((len(STEPS), 3), 1e-3 if moves else 0.0)
    record = Record(
        layers=layers(),
        steps=STEPS,
        losses=np.linspace(1.0, fall, len(STEPS)),
        quantities={
            "gradient_norm": np.ones((len(STEPS), 3)),
            "weight_norm": np.ones((len(STEPS), 3))
            * np.linspace(1, 1 + moves, len(STEPS))[:, None],
            "update_ratio": ratio,
        },
        planned_steps=len(STEPS),
        status="finished",
        seen=Seen(lr=0.1, optimizer=loop.pop("optimizer", "adam")),
        known_loop=Loop(**{**SOUND, **loop}),
    )
    return examine([record])


def only(examination: Examination) -> Finding:
    """The one finding that is no consequence of another."""
    assert len(examination.findings) == 1, [
        (one.code, one.evidence) for one in examination.findings
    ]
    return examination.findings[0]


def test_a_sound_loop_has_none_of_them() -> None:
    examination = seen()
    assert examination.findings == ()
    assert {"D220", "D221", "D222", "D229", "D230", "D232", "D234", "D235"} <= set(
        examination.margins
    )


FAULTS: dict[str, dict[str, Any]] = {
    "D220": {"stale": 1.0, "stale_size": 3.0},
    "D221": {"early": 1.0},
    "D222": {"empty": 1.0},
    "D223": {"steps": 0, "moves": False},
    "D224": {"backwards": 0, "stale": None, "in_eval": {}},
    "D225": {"outside": ("0.weight", "0.bias")},
    "D226": {"frozen": ("0.weight", "0.bias")},
    "D227": {"unreached": ("0.weight", "0.bias", "4.weight", "4.bias")},
    "D228": {"unused": ("5",)},
    "D229": {"in_eval": {"1": 1.0, "3": 1.0}},
    "D230": {"in_train": {"1": 1.0, "3": 1.0}},
    "D231": {"in_eval": {"1": 1.0, "3": 1.0}, "in_train": {"1": 1.0, "3": 1.0}},
    "D232": {"kept_graphs": (9, 10)},
    "D233": {"output_shape": (32, 1), "target_shape": (32,)},
    "D234": {"upwards": 1.0},
    "D235": {"renewed": 1.0, "fall": 0.9},
}


@pytest.mark.parametrize("code", FAULTS)
def test_the_fault_is_named_first_with_a_remedy_in_code(code: str) -> None:
    finding = only(seen(**FAULTS[code]))
    assert finding.code == code
    assert finding.severity == ("note" if code == "D226" else finding.severity)
    assert all(spelled_remedy(remedy).strip() for remedy in finding.remedies)


def diverged(undefined: Undefined | None, *, saw_all: bool = True) -> Examination:
    """What is found where the loss is no number at step 30; before it was sampled at step 20."""
    losses = np.array([1.0, 0.5, np.nan])
    record = Record(
        layers=layers(),
        steps=np.array([0, 20, 30]),
        losses=losses,
        quantities={
            name: np.ones((3, 3)) for name in ("gradient_norm", "weight_norm", "activation_mean")
        },
        status="diverged",
        seen=Seen(lr=0.1, optimizer="adam"),
        known_loop=Loop(**{**SOUND, "undefined": undefined}),
        all_losses=losses if saw_all else np.zeros(0),
    )
    return examine([record])


@pytest.mark.parametrize("what", ["logarithm", "root", "division"])
def test_a_logarithm_of_zero_explains_a_loss_that_is_no_number(what: str) -> None:
    finding = only(diverged(Undefined(what, 30, 2, 32, 0.0, False)))
    assert (finding.code, finding.since, finding.severity) == ("D236", 30, "error")
    assert "D203" in [one.code for one in finding.consequences]
    assert finding.numbers == {"count": 2, "of": 32, "least": 0, "step": 30}
    assert "2 of 32 numbers" in finding.evidence
    assert all(remedy.write for remedy in finding.remedies)


def test_a_logarithm_of_zero_long_before_does_not() -> None:
    """Where each loss was seen, the step before at most; else any since the last sample."""
    for step, saw_all, code in ((29, True, "D236"), (25, True, "D203"), (25, False, "D236")):
        undefined = Undefined("logarithm", step, 1, 32, 0.0, True)
        assert only(diverged(undefined, saw_all=saw_all)).code == code
    assert (
        only(diverged(Undefined("logarithm", 10, 1, 32, 0.0, True), saw_all=False)).code == "D203"
    )
    assert only(diverged(None)).code == "D203"


TWINS: dict[str, dict[str, Any]] = {
    "gradients of four batches for a step": {"backwards": 160, "stale": 0.0},
    "adversarial training": {"stale": 0.5, "optimizers": 2, "upwards": 0.5, "empty": 0.3},
    "a second forward pass now and then": {"early": 0.3},
    "steps that a gradient scaler leaves out": {"empty": 0.2},
    "one target for all outputs": {"output_shape": (32, 1), "target_shape": (1,)},
    "a module that is frozen and unused": {"unused": ("5",), "frozen": ("5.weight",)},
    "backbone frozen and in evaluation mode": {
        "frozen": ("0.weight", "0.bias", "1.weight", "1.bias"),
        "in_eval": {"1": 1.0, "3": 0.0},
    },
    "Monte Carlo dropout": {"in_train": {"1": 0.0, "3": 1.0}},
    "examples for another network": {"in_train": {"1": 1.0, "3": 1.0}, "optimizers": 2},
    "a model that is only asked": {"backwards": 0, "steps": 0, "stale": None, "in_eval": {}},
    "weights that are changed by hand": {"steps": 0, "optimizers": 0},
    "a head that the loss leaves out": {"unreached": ("6.weight", "6.bias")},
    "plain gradient descent by a new optimizer": {"renewed": 1.0, "fall": 0.9, "optimizer": "sgd"},
}


@pytest.mark.parametrize("twin", TWINS)
def test_what_looks_alike_is_no_more_than_a_note(twin: str) -> None:
    assert seen(**TWINS[twin]).is_healthy


def test_a_layer_is_named_where_the_graph_is_cut() -> None:
    finding = only(seen(unreached=("0.weight", "4.weight")))
    assert str(finding.place) == "layer 2 of 3 (4)"


def test_parameters_outside_are_told_by_their_layers() -> None:
    finding = only(seen(outside=("0.weight", "4.weight")))
    assert (str(finding.place), finding.severity) == ("layer 1 of 3 (0)", "warning")
    assert "layers 1 and 2" in finding.evidence
    assert only(seen(outside=("6.weight",))).severity == "error"


def test_a_step_before_its_backward_pass_explains_the_missing_gradient() -> None:
    finding = only(seen(early=1.0, empty=1.0, moves=False))
    assert (finding.code, finding.severity) == ("D221", "error")
    assert {one.code for one in finding.consequences} >= {"D222"}


def test_frozen_layers_do_not_count_as_layers_that_are_never_moved() -> None:
    everything = tuple(f"{layer.name}.{part}" for layer in layers() for part in ("weight", "bias"))
    assert only(seen(frozen=everything, moves=False)).code == "D226"


def test_the_right_order_of_one_target_and_many_outputs_is_told_apart() -> None:
    """(n, 1) against (n,) is n × n comparisons, (n, k) against (1, k) is not."""
    assert "(32, 32)" in only(seen(output_shape=(32, 1), target_shape=(32,))).evidence
    assert seen(output_shape=(32, 4), target_shape=(1, 4)).is_healthy


def test_one_class_number_for_all_outputs_is_no_one_hot_row() -> None:
    shapes = {"output_shape": (32, 4), "target_shape": (32, 1)}
    finding = only(seen(**shapes, label_factors=(0.0, 3.0)))
    assert (finding.code, finding.numbers["most"], finding.numbers["outputs"]) == ("D233", 3, 4)
    assert all(remedy.write for remedy in finding.remedies)
    assert seen(**shapes).is_healthy


HEADS: dict[str, dict[str, Any]] = {
    "D110": {"are_probabilities": True, "outputs": 10, "loss": "cross_entropy"},
    "D119": {"outputs": 512, "labels": 10, "label_range": (0, 9)},
    "D138": {"outputs": 10, "labels": 10, "label_range": (1, 10)},
    "D165": {"reduction": "sum", "batch_size": 32},
}
SOUND_HEADS: dict[str, dict[str, Any]] = {
    "logits": {"are_probabilities": False, "outputs": 10, "loss": "cross_entropy"},
    "probabilities before squares": {"are_probabilities": True, "outputs": 10, "loss": "mse"},
    "as many outputs as labels": {"outputs": 10, "labels": 10, "label_range": (0, 9)},
    "words that have not come yet": {"outputs": 5000, "labels": 900, "label_range": (0, 4800)},
    "one output for two classes": {"outputs": 1, "labels": 2, "label_range": (0, 1)},
    "labels that are left out": {"outputs": 10, "labels": 11, "label_range": (-100, 9)},
    "means over batches": {"reduction": "mean", "batch_size": 32},
}
SETTINGS = ("loss", "reduction", "batch_size")


def heads(**given: Any) -> Examination:
    """What is found in a watched loop with such outputs, labels and loss."""
    settings = {name: given.pop(name) for name in SETTINGS if name in given}
    record = Record(
        layers=layers(),
        status="finished",
        seen=Seen(loss_on="logits", **settings),
        known_loop=Loop(passes=200, backwards=200, steps=200, optimizers=1, **given),
    )
    return examine([record])


@pytest.mark.parametrize("code", HEADS)
def test_a_head_that_does_not_fit_is_named_without_a_recipe(code: str) -> None:
    finding = only(heads(**HEADS[code]))
    assert finding.code == code
    assert all(remedy.write for remedy in finding.remedies)


@pytest.mark.parametrize("head", SOUND_HEADS)
def test_a_head_that_fits_is_not(head: str) -> None:
    assert heads(**SOUND_HEADS[head]).findings == ()


def test_the_floor_of_a_second_softmax_is_that_of_its_surest_answer() -> None:
    """Of ten outputs, one that is 1 and nine that are 0: ln(e + 9) - 1."""
    surest = torch.nn.functional.one_hot(torch.tensor([3]), 10).double()
    loss = torch.nn.functional.cross_entropy(surest, torch.tensor([3]))
    finding = only(heads(**HEADS["D110"]))
    assert finding.numbers["floor"] == pytest.approx(float(loss), rel=1e-12)
