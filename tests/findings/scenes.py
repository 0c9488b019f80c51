"""Small recipes that are healthy, or sick in one way, and what is found in them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from descend.diagnosis.diagnosing import Diagnosis, diagnose
from descend.diagnosis.examination import examine
from descend.findings.finding import Finding
from descend.findings.rule import rules

HEALTHY: Mapping[str, Any] = {
    "data": {"source": "circles", "noise": 0.05},
    "network": {"hidden": [16, 16]},
    "training": {"lr": 0.01, "batch_size": 32, "epochs": 40},
}


@cache
def _diagnosed(edits: str) -> Diagnosis:
    return later(diagnose(HEALTHY, edits=json.loads(edits), share=1.0))


def diagnosed(edits: Mapping[str, Any] | None = None) -> Diagnosis:
    """What the whole training of the healthy recipe with these edits shows."""
    return _diagnosed(json.dumps(edits or {}))


def later(diagnosis: Diagnosis) -> Diagnosis:
    """The diagnosis without what is found before a step."""
    among = [rule for rule in rules() if rule.family != "before"]
    return replace(diagnosis, examination=examine(diagnosis.records, among))


def codes(diagnosis: Diagnosis) -> set[str]:
    """All codes, of consequences too."""
    return {one.code for one in each(diagnosis)}


def each(diagnosis: Diagnosis) -> list[Finding]:
    """All findings, consequences too."""
    return [one for found in diagnosis.findings for one in (found, *found.consequences)]


def found(diagnosis: Diagnosis, code: str) -> Finding:
    """The finding with this code."""
    named = [one for one in each(diagnosis) if one.code == code]
    assert named, [f"{one.code}: {one.evidence}" for one in each(diagnosis)]
    return named[0]


def noise(examples: int, features: int, seed: int = 0) -> tuple[Any, Any]:
    """Inputs that say nothing of their labels."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(examples, features)).astype(np.float32)
    return x, generator.integers(0, 2, size=examples)
