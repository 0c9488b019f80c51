"""An expectation is one number and its bounds; what cannot be compared is not judged."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import polars
import pytest
from pydantic import ValidationError

from descend.expectations import Expectation, judge
from descend.lab_numbers import number_of
from descend.laboratory import Changes, Lab, find_lab, read_lab
from tests.labs.laboratory import in_memory, run_lab

LOSSES = [[0.7, 0.6, 0.05], [0.7, 0.69, 0.35], [0.8, 0.2, 0.01]]  # of three networks


def fake_run(**more: Any) -> Any:
    """A run of three networks and three epochs, with a trace of the first at two layers."""
    rows = [
        {"run": run, "epoch": epoch, "train/loss": loss, "test/accuracy": None}
        for run, losses in enumerate(LOSSES)
        for epoch, loss in enumerate(losses, start=1)
    ]
    trace = [
        {"run": 0, "step": step, "layer": layer, "quantity": quantity, "value": value * layer}
        for layer in (1, 2)
        for step, values in {0: (4.0, 1.0, 2.0), 100: (1.0, 5.0, 3.0)}.items()
        for quantity, value in zip(
            ("gradient_norm", "activation_mean", "activation_std"), values, strict=True
        )
    ]
    trace.append({"run": 0, "step": 0, "layer": 0, "quantity": "loss", "value": 0.7})
    results = [{"metrics": {"train/loss": losses[-1]}} for losses in LOSSES]
    facts = {
        "status": "finished",
        "was_asked_to_stop": False,
        "folder": None,
        "results": results,
    }
    frames = {"history_table": polars.DataFrame(rows), "trace": polars.DataFrame(trace)}
    return SimpleNamespace(**{**facts, **frames, **more})


def expectation(**fields: Any) -> Expectation:
    bounds = {} if {"equals", "at_least", "at_most"} & set(fields) else {"at_least": 0.0}
    return Expectation.model_validate({"what": "it", "variant": "v", **bounds, **fields})


@pytest.mark.parametrize(
    ("fields", "number"),
    [
        ({"metric": "train/loss"}, 0.05),
        ({"metric": "train/loss", "epoch": 2}, 0.6),
        ({"metric": "train/loss", "epoch": -1}, 0.05),
        ({"metric": "train/loss", "epoch": 4}, None),
        ({"metric": "test/accuracy"}, None),
        ({"metric": "test/accuracy", "epoch": 1}, None),
        ({"metric": "train/loss", "when_at_most": 0.1}, 2 / 3),
        ({"metric": "train/loss", "when_at_least": 0.3, "when_at_most": 0.4}, 1 / 3),
        ({"metric": "train/loss", "when_at_most": 0.5, "first_epoch": True}, 3),
        (
            {
                "metric": "train/loss",
                "when_at_most": 0.5,
                "first_epoch": True,
                "over_seeds": "min",
            },
            2,
        ),
        ({"metric": "train/loss", "when_at_most": 0.001, "first_epoch": True}, None),
        ({"metric": "train/loss", "over_seeds": "mean"}, 0.41 / 3),
        ({"metric": "train/loss", "over_seeds": "max"}, 0.35),
        ({"quantity": "gradient_norm", "layer": 2, "step": 0}, 8.0),
        ({"quantity": "gradient_norm", "layer": 1}, 1.0),
        ({"quantity": "gradient_norm", "layer": -1, "step": "largest"}, 8.0),
        ({"quantity": "gradient_norm", "layer": 1, "over_layer": -1, "step": 0}, 0.5),
        ({"quantity": "gradient_norm", "layer": 1, "step": 7}, None),
        ({"quantity": "dead_share", "layer": 1}, None),
        ({"quantity": "drift", "layer": 1}, 2.0),
    ],
)
def test_the_number_is_the_one_that_is_described(
    fields: dict[str, Any], number: float | None
) -> None:
    """Metrics, shares of networks, first epochs, measurements; None for what is not there."""
    found = number_of(expectation(**fields), fake_run())
    assert found == (None if number is None else pytest.approx(number))


@pytest.mark.parametrize(
    ("bounds", "met", "not_met", "text"),
    [
        ({"equals": 2.0, "within": 0.01}, [1.98, 2.02], [1.97, 2.03], "2 ± 1 %"),
        ({"equals": 0.9, "plus_minus": 0.1}, [0.81, 1.0], [0.79, 1.01], "0.9 ± 0.1"),
        ({"at_least": 0.5}, [0.5, math.inf], [0.4], "at least 0.5"),
        ({"at_most": 0.5}, [0.5, -1.0], [0.6, math.nan], "at most 0.5"),
        ({"at_least": 1.0, "at_most": 2.0}, [1.5], [0.9, 2.1], "at least 1, at most 2"),
    ],
)
def test_bounds_are_met_within_them_and_not_beyond(
    bounds: dict[str, float], met: list[float], not_met: list[float], text: str
) -> None:
    """Relative and absolute tolerances, one-sided bounds; NaN meets nothing."""
    one = expectation(metric="train/loss", **bounds)
    assert all(one.is_met_by(number) for number in met)
    assert not any(one.is_met_by(number) for number in not_met)
    assert one.expected == text


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"metric": "train/loss", "gradient": True},
        {"metric": "train/loss", "equals": 1.0},
        {"metric": "train/loss", "within": 0.1, "at_least": 1.0},
        {"metric": "train/loss", "first_epoch": True},
        {"metric": "train/loss", "over_seeds": "median"},
        {"metric": "train/loss", "source": "hearsay"},
    ],
)
def test_an_expectation_without_one_number_and_its_bounds_is_refused(
    fields: dict[str, Any],
) -> None:
    """No number, two numbers, a value without a tolerance, a threshold that is missing."""
    with pytest.raises(ValidationError):
        expectation(**fields)


def test_a_number_that_is_missing_meets_nothing() -> None:
    """A run that diverged before the epoch is a failure, not a gap."""
    check = judge(expectation(metric="train/loss", epoch=9), {"v": fake_run()})
    assert (check.found, check.met, bool(check.why_not)) == (None, False, True)


def test_what_cannot_be_compared_is_shown_and_not_judged() -> None:
    """The reason stands beside the number."""
    check = judge(expectation(metric="train/loss"), {"v": fake_run()}, "another seed: 1")
    assert (check.found, check.met, check.why_not) == (0.05, None, "another seed: 1")


def test_a_difference_is_taken_from_the_same_number_of_another_variant() -> None:
    """0.05 less 0.05 is 0; a variant that was not trained gives no number."""
    one = expectation(metric="train/loss", minus_variant="w", equals=0.0, plus_minus=1e-9)
    assert judge(one, {"v": fake_run(), "w": fake_run()}).met
    assert judge(one, {"v": fake_run()}).found is None


LAB = """
title = "two variants"
[data]
source = "xor"
[training]
epochs = 10
seed = 777
[lab]
tutorial = "Optimizers"
story = "None."
[[lab.variants]]
name = "base"
seeds = 3
[[lab.vary]]
field = "training.lr"
values = [0.1, 0.2]
[[lab.vary]]
field = "network.hidden"
names = ["narrow", "wide"]
values = [[2], [9]]
[[lab.expect]]
what = "first"
metric = "train/loss"
epoch = 1
at_least = 0
[[lab.expect]]
what = "final"
metric = "train/loss"
at_least = 0
[[lab.expect]]
what = "share"
metric = "train/loss"
when_at_most = 1
at_least = 0
[[lab.expect]]
what = "gradient"
variant = "0.1, wide"
gradient = true
at_most = 1
[[lab.expect]]
what = "before any update"
quantity = "loss"
step = 0
at_least = 0
"""


@pytest.fixture(scope="module")
def lab() -> Lab:
    return read_lab("a-lab", LAB)


def test_variants_are_listed_or_all_combinations(lab: Lab) -> None:
    """Listed ones come first; a combination is named after its values or their names."""
    names = [variant.name for variant in lab.variants]
    assert names == ["base", "0.1, narrow", "0.1, wide", "0.2, narrow", "0.2, wide"]
    assert lab.recipe_of(lab.variants[-1]).network.hidden == (9,)
    assert lab.recipe_of(lab.variants[-1]).training.lr == 0.2
    assert lab.recipe_of(lab.variants[0]).title == "a-lab: base"
    assert {one.variant for one in lab.expectations} == {"base", "0.1, wide"}


@pytest.mark.parametrize(
    ("changes", "judged"),
    [
        ({}, {"first", "final", "share", "gradient", "before any update"}),
        ({"epochs": 3}, {"first", "gradient", "before any update"}),
        ({"epochs": 10}, {"first", "final", "share", "gradient", "before any update"}),
        ({"data_source": "digits"}, {"gradient"}),
        ({"data_source": "xor"}, {"first", "final", "share", "gradient", "before any update"}),
        ({"seed": 1}, {"gradient"}),
        ({"seed": 777}, {"first", "final", "share", "gradient", "before any update"}),
        ({"seeds": 1}, {"first", "final", "gradient", "before any update"}),
        ({"seeds": 3}, {"first", "final", "share", "gradient", "before any update"}),
        ({"seeds": [5, 6, 7]}, {"gradient"}),
        ({"has_edits": True}, set()),
    ],
)
def test_only_what_a_change_leaves_comparable_is_judged(
    lab: Lab, changes: dict[str, Any], judged: set[str]
) -> None:
    """Shorter runs keep first epochs, other numbers of seeds the first network."""
    runs = {variant.name: fake_run() for variant in lab.variants}
    change = Changes(**changes)
    reasons = {one.what: change.why_not(lab, one, runs) for one in lab.expectations}
    assert {what for what, reason in reasons.items() if not reason} == judged


def test_an_interrupted_variant_is_the_last_and_is_not_judged(lab: Lab) -> None:
    """What was trained before it is judged."""
    told: list[tuple[str, int, int]] = []

    def interrupting(recipe: Any, **options: Any) -> Any:
        return fake_run(status="finished" if "base" in recipe.title else "interrupted")

    result = lab.run(interrupting, announce=lambda *variant: told.append(variant))
    assert list(result.runs) == ["base", "0.1, narrow"]
    assert told == [("base", 1, 5), ("0.1, narrow", 2, 5)]
    by_what = {check.what: check for check in result.checks}
    assert by_what["final"].met
    assert by_what["gradient"].why_not == "interrupted"
    assert result.is_as_expected


def test_a_variant_that_finishes_though_asked_to_stop_is_the_last_and_is_judged(lab: Lab) -> None:
    """Ctrl-C in its last steps is heard, and loses nothing."""
    result = lab.run(lambda recipe, **options: fake_run(was_asked_to_stop=True))
    assert list(result.runs) == ["base"]
    by_what = {check.what: check for check in result.checks}
    assert by_what["final"].met
    assert by_what["gradient"].why_not == "interrupted"


def test_the_published_fault_is_found_by_autograd() -> None:
    """Sums for weights and means for biases are no gradient; ours agrees to rounding in float64."""
    lab = find_lab("xor-backprop")
    run = in_memory(lab.recipe, epochs=20)
    faulty = in_memory(lab.recipe_of(lab.variants[1]), epochs=20)
    one = expectation(gradient=True)
    assert number_of(one, run) < 1e-15  # type: ignore[operator]
    assert number_of(one, faulty) > 0.01  # type: ignore[operator]


def test_inputs_on_another_scale_are_scored_as_they_are() -> None:
    """Fault 1 of the published programs: trained on pixels from 0 to 1, tested on 0 to 255."""
    run = in_memory("digits", epochs=2, seed=1)
    plain = number_of(expectation(metric="test/accuracy"), run)
    same = number_of(expectation(metric="test/accuracy", inputs_times=1.0), run)
    off = number_of(expectation(metric="test/loss", inputs_times=255.0), run)
    assert same == plain
    assert off > 10 * run.metrics["test/loss"]  # type: ignore[operator]
    few = number_of(expectation(metric="test/accuracy", first=3), run)
    assert few in (0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1)


def test_a_machine_is_judged_from_the_run_s_folder(tmp_path: Any) -> None:
    """Its reconstruction error is kept there only; without a folder nothing is judged."""
    kept = run_lab("rbm-pretraining", epochs=1, data_source="digits")
    machines = [check for check in kept.checks if "machine" in check.what]
    assert len(machines) == 4
    assert {check.met for check in machines} == {None}
    lab = find_lab("rbm-pretraining")
    edits = {"data.source": "digits", "network.init.epochs": 2}
    run = in_memory(lab.recipe, edits=edits, epochs=1, out=tmp_path)
    fields = {"pretraining": "reconstruction_error", "layer": 1}
    before = number_of(expectation(**fields, epoch=0), run)
    after = number_of(expectation(**fields, epoch=2), run)
    assert after == number_of(expectation(**fields), run)
    assert 0 < after != before  # type: ignore[operator]
