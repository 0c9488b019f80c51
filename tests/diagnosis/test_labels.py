"""Wrong labels are told from classes that overlap, and from classes that are merely hard."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn import datasets

from descend.diagnosis.diagnosing import diagnose
from descend.diagnosis.labels import disagreement

RECIPE = {"network": {"hidden": [16]}, "training": {"epochs": 5}}


def codes(x: Any, y: Any) -> set[str]:
    findings = diagnose(RECIPE, data=(x, y), seeds=1).findings
    return {one.code for root in findings for one in (root, *root.consequences)}


def blobs(spread: float, classes: int = 3) -> tuple[Any, Any]:
    centers = np.array([(np.cos(k), np.sin(k)) for k in 2 * np.pi * np.arange(classes) / classes])
    rng = np.random.default_rng(0)
    y = np.arange(900) % classes
    return centers[y] + spread * rng.normal(size=(900, 2)), y


@pytest.mark.parametrize("share", [0.35, 0.5])
def test_labels_drawn_at_random_are_noise(share: float) -> None:
    x, y = blobs(0.2)
    rng = np.random.default_rng(1)
    drawn = rng.random(len(y)) < share
    y[drawn] = rng.integers(0, 3, int(drawn.sum()))
    assert "D311" in codes(x, y)


@pytest.mark.parametrize("spread", [0.2, 0.5, 0.8])
def test_classes_that_overlap_are_no_noise(spread: float) -> None:
    assert "D311" not in codes(*blobs(spread))


@pytest.mark.parametrize(("noise", "factor"), [(0.1, 0.5), (0.2, 0.5), (0.2, 0.8)])
def test_circles_with_blurred_edges_are_no_noise(noise: float, factor: float) -> None:
    x, y = datasets.make_circles(900, noise=noise, factor=factor, random_state=0)
    assert "D311" not in codes(x, y)


def test_labels_of_some_classes_that_were_drawn_among_these_are_noise() -> None:
    """Three of seven classes are told apart by a coin, the others without error."""
    x, y = blobs(0.05, classes=7)
    rng = np.random.default_rng(1)
    y = np.where(y < 3, rng.integers(0, 3, len(y)), y)
    diagnosis = diagnose(RECIPE, data=(x, y), seeds=1)
    finding = next(one for one in diagnosis.findings if one.code == "D311")
    assert finding.numbers["tied_classes"] == 3
    assert "3 classes" in finding.evidence


def test_noise_in_training_alone_is_seen_beside_the_held_out_labels() -> None:
    """A fifth of wrong labels, which alone might be overlap: the test has none there."""
    x, y = blobs(0.2)
    inputs, labels = torch.from_numpy(x), torch.from_numpy(y)
    rng = np.random.default_rng(1)
    wrong = labels[:600].clone()
    drawn = torch.from_numpy(rng.random(600) < 0.2)
    wrong[drawn] = torch.from_numpy(rng.integers(0, 3, int(drawn.sum())))
    found = disagreement(inputs[:600], wrong, inputs[600:], labels[600:])
    assert found["labels/sure_wrong"] > 0.08
    assert found["labels/sure_wrong_held_out"] < 0.02


def test_too_few_examples_say_nothing() -> None:
    x, y = torch.randn(50, 2), torch.zeros(50, dtype=torch.int64)
    assert disagreement(x, y, x[:0], y[:0]) == {}
