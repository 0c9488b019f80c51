"""Faults that a trace shows by itself, where there is neither a recipe nor a fork."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from descend.diagnosis.examination import Examination, examine
from descend.findings.finding import Finding
from descend.findings.loop import Loop, Seen
from descend.findings.record import Record
from descend.findings.rule import rules
from descend.findings.unforked import falls_steadily
from tests.findings.scenes import diagnosed

LATER = [rule for rule in rules() if rule.family != "before"]
SGD = {"training.optimizer": "sgd"}
FAST = {"training.optimizer": "sgd", "network.activation": "tanh", "training.lr": 30.0}
DEEP = {"network.hidden": [16] * 7, "network.activation": "sigmoid", **SGD, "training.lr": 0.1}


def watched(edits: Mapping[str, Any] | None = None) -> Record:
    """A training as somebody else's loop would show it: its trace, and nothing else."""
    record = diagnosed(edits).records[0]
    training = record.training
    steps = len(record.steps) and int(record.steps[-1]) + 1
    return replace(
        record,
        recipe=None,
        forks={},
        baselines={},
        curves={},
        metrics={},
        planned_steps=steps,
        learning_share=None,
        seen=Seen(lr=training.lr, optimizer=training.optimizer, batch_size=training.batch_size),
        known_loop=Loop(passes=steps, backwards=steps, steps=steps, optimizers=1),
    )


def seen(record: Record) -> dict[str, Finding]:
    """All findings, consequences too, by code."""
    examination: Examination = examine([record], LATER)
    return {one.code: one for found in examination.findings for one in (found, *found.consequences)}


def test_the_trace_of_a_healthy_training_is_healthy() -> None:
    examination = examine([watched()], LATER)
    assert examination.findings == ()
    assert {"D206", "D208", "D209"} <= set(examination.ran)


def test_a_rate_that_throws_the_loss_up_is_too_high() -> None:
    finding = seen(watched(FAST))["D208"]
    assert finding.numbers["update_ratio"] > 0.1
    assert all("lr=" in remedy.write for remedy in finding.remedies)


def test_weights_that_go_next_to_nowhere_have_too_low_a_rate() -> None:
    finding = seen(watched({**SGD, "training.lr": 1e-5}))["D209"]
    assert "lr=" in finding.remedies[0].write


def test_nothing_is_said_of_the_rate_of_a_loop_that_has_just_begun() -> None:
    record = watched({**SGD, "training.lr": 1e-5})
    assert "D209" not in seen(replace(record, status="running"))


@pytest.mark.parametrize("status", ["running", "finished"])
def test_a_plateau_is_one_when_the_loop_is_over(status: str) -> None:
    """While it runs it may still be left, and there is no fork to tell."""
    codes = seen(replace(watched(DEEP), status=status)).keys()
    assert ({"D201", "D206"} <= codes) == (status == "finished")


def test_a_loss_that_ceases_to_be_a_number_under_short_steps_is_not_the_rates_doing() -> None:
    record = watched()
    losses = np.append(record.losses, np.nan)
    quantities = {
        name: np.vstack([table, np.full_like(table[-1:], np.nan)])
        for name, table in record.quantities.items()
    }
    steps = np.append(record.steps, record.steps[-1] + 1)
    broken = replace(record, steps=steps, losses=losses, quantities=quantities, status="diverged")
    assert seen(broken).keys() & {"D203", "D208"} == {"D203"}


def swinging(amplitude: float, noise: float) -> Record:
    """A loop whose loss swings around 0.6 of chance in blocks of samples."""
    generator = np.random.default_rng(0)
    wave = amplitude * np.sign(np.sin(np.pi * np.arange(240) / 10 + 0.1))
    losses = 0.6 + wave + generator.normal(0, noise, 240)
    return replace(watched(), losses=losses, steps=np.arange(240), quantities={}, planned_steps=240)


def test_swings_of_blocks_are_told_from_the_noise_of_batches() -> None:
    assert "D210" in seen(swinging(0.25, 0.02))
    assert "D210" not in seen(swinging(0.0, 0.25))


def test_steps_that_are_lost_in_rounding_are_too_short_from_the_first_ones_on() -> None:
    record = watched({**SGD, "training.lr": 1e-9})
    few = replace(
        record,
        steps=record.steps[:5],
        losses=record.losses[:5],
        quantities={name: table[:5] for name, table in record.quantities.items()},
        status="running",
    )
    finding = seen(few)["D209"]
    assert "lr=" in finding.remedies[0].write


def test_a_loss_far_above_its_beginning_does_not_come_back() -> None:
    record = watched(FAST)
    thrown = replace(record, losses=record.losses * 1e3 + 1e3, status="running")
    losses = np.concatenate([record.losses[:1], thrown.losses[1:]])
    assert "D208" in seen(replace(thrown, losses=losses))


def test_a_share_that_is_no_number_is_no_fault() -> None:
    record = watched()
    loop = replace(record.loop, upwards=float("nan"))
    assert "D234" not in seen(replace(record, known_loop=loop))


def test_a_fall_that_is_over_is_no_steady_one() -> None:
    record, place = watched(), np.linspace(0, 1, 200)
    noise = np.random.default_rng(0).normal(0, 0.005, 200)
    steady = replace(record, losses=1 - 0.3 * place + noise, planned_steps=200)
    over = replace(record, losses=0.7 + 0.3 * np.exp(-20 * place) + noise, planned_steps=200)
    assert falls_steadily(steady)
    assert not falls_steadily(over)


def test_a_first_batch_that_happens_to_be_easy_makes_nothing_rise_or_explode() -> None:
    """Of single examples the first may have next to no loss, and no gradient in some layer."""
    record = watched()
    losses = np.tile([0.05, 0.4], len(record.losses))[: len(record.losses)]
    gradients = np.ones_like(record.quantities["gradient_norm"])
    gradients[0, 0] = 0.0
    noisy = replace(
        record,
        losses=losses,
        quantities={**record.quantities, "gradient_norm": gradients},
        known_profile=None,
    )
    assert not seen(noisy).keys() & {"D202", "D212"}
