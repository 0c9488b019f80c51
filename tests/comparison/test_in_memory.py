"""What is compared in memory comes out as what is compared in folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from descend.comparison import in_memory
from descend.comparison.axes import Axes
from descend.comparison.comparing import begin, carry_on, prepare
from descend.comparison.in_memory import compared
from descend.comparison.preparing import Prepared
from descend.comparison.question import Means, Question
from descend.comparison.stacks import Advance
from descend.recipe import Recipe

NAMED: list[tuple[str, dict[str, Any]]] = [
    ("as it is", {}),
    ("slow", {"training.lr": 1e-5}),
    ("wild", {"training.optimizer": "sgd", "training.lr": 1e4}),
    ("wide", {"network.hidden": [32]}),
    ("impossible", {"training.loss": "poisson"}),
]


def prepared() -> Prepared:
    base = Recipe.of(
        {"data": {"source": "moons"}, "network": {"hidden": [6]}, "training": {"epochs": 4}}
    )
    question = Question("q", base, Axes(named=NAMED), seeds=range(4), baseline="as it is")
    return prepare(question, Means(processes=1))


def test_every_network_ends_as_in_a_folder(tmp_path: Path) -> None:
    """The same metrics to the bit, the same verdicts, and no file."""
    asked = prepared()
    before = set(tmp_path.iterdir())
    told: list[Advance] = []
    here = compared(asked, told.append)
    assert set(tmp_path.iterdir()) == before
    there = carry_on(lambda: begin(asked, tmp_path), Means(processes=1), None, asked)
    assert here.conclusion == there.conclusion
    for own, other in zip(here.rows, there.rows, strict=True):
        assert (own.name, own.verdict, own.summary) == (other.name, other.verdict, other.summary)
        assert own.pair == other.pair
    metrics = [{(one.variant, one.seed): one.metrics for one in c.results} for c in (here, there)]
    assert metrics[0].keys() == metrics[1].keys()
    for member, values in metrics[0].items():
        np.testing.assert_equal(dict(values), dict(metrics[1][member]))
    assert {one.stack for one in told} == {f"1-{n:03d}" for n in range(1, 1 + len(stacks(asked)))}


def stacks(asked: Prepared) -> list[Any]:
    return list(asked.plan.stacks)


def test_what_memory_does_not_suffice_for_is_trained_in_halves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each network ends as it does in a stack that fits; one alone that does not fit has failed."""
    asked = prepared()
    whole = compared(asked, lambda _: None)
    real = in_memory.Training

    def small(recipes: Any, *given: Any) -> Any:
        if len(recipes) > 1 or recipes[0].training.seed == 3:
            raise MemoryError
        return real(recipes, *given)

    monkeypatch.setattr(in_memory, "Training", small)
    halves = compared(asked, lambda _: None)
    for own, other in zip(halves.results, whole.results, strict=True):
        assert (own.variant, own.seed) == (other.variant, other.seed)
        if own.seed == 3:
            assert own.status == "failed"
        else:
            # a stack of another size may add in another order: float32 has seven digits
            np.testing.assert_allclose(
                own.metrics["train/loss"], other.metrics["train/loss"], rtol=1e-4
            )


def test_other_errors_are_no_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: Any) -> Any:
        raise RuntimeError("something else")

    monkeypatch.setattr(in_memory, "Training", broken)
    with pytest.raises(RuntimeError, match="something else"):
        compared(prepared(), lambda _: None)
