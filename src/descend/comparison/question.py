"""Question: what a comparison is asked, and what it may use to find the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from descend.comparison.axes import Axes
from descend.comparison.expected import ExpectedVerdict
from descend.data.examples import Examples
from descend.intake import Arrays
from descend.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Question:
    """What is compared: a base recipe, what varies, seeds, goal and how it is searched.

    search: the sampler that chooses the draws of the axes, `batch` of them at a time.
    expected: the verdicts that should come out, each with the reason why it is not judged, or "".
    """

    name: str
    base: Recipe
    axes: Axes
    seeds: Sequence[int]
    metric: str | None = None
    target: float | None = None
    baseline: str | None = None
    halving: int | None = None
    search: str | None = None
    batch: int | None = None
    expected: Sequence[tuple[ExpectedVerdict, str]] = ()


@dataclass(frozen=True, eq=False)
class Means:
    """With what it is compared: data, device, memory in bytes, processes."""

    data: Examples | Arrays | None = None
    data_dir: Path | str | None = None
    device: str = "auto"
    memory: int | None = None
    processes: int | None = None
