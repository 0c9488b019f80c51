"""What a diagnosis does keeps to the shapes that its functions state."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jaxtyping
import pytest

from descend.diagnosis.diagnosing import diagnose
from descend.diagnosis.proving import prove
from descend.findings.finding import Finding, edit
from descend.recipe import Recipe

SMALL: dict[str, Any] = {
    "data": {"source": "moons"},
    "network": {"hidden": [6, 4], "batch_norm": "before", "dropout": 0.1},
    "training": {"epochs": 4, "lr": 10.0},
}


@pytest.fixture(autouse=True)
def _checked(unchecked_shapes: None) -> Iterator[None]:
    jaxtyping.config.update("jaxtyping_disable", False)
    yield
    jaxtyping.config.update("jaxtyping_disable", True)


def test_shapes_are_checked_here() -> None:
    from descend.network.losses import MSE

    with pytest.raises(jaxtyping.TypeCheckError):
        MSE().values("no tensor", "neither")  # type: ignore[arg-type]


@pytest.mark.parametrize("source", ["moons", "blobs", "sine"])
def test_a_diagnosis_keeps_to_its_shapes(source: str) -> None:
    diagnosis = diagnose(SMALL, edits={"data.source": source}, share=1.0)
    assert diagnosis.share == 1.0


def test_a_proof_keeps_to_its_shapes() -> None:
    named = Finding("", "", remedies=[edit("training.lr", 0.02)], code="D208", severity="error")
    assert prove(Recipe.of(SMALL), [named], seeds=3).tried
