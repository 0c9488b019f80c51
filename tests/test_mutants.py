"""The networks with known faults of benchmarks/mutants.py are what they are said to be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from descend.errors import DescendError
from descend.recipe import Recipe

pytest.importorskip("benchmarks.corpus", reason="the benchmarks are not part of this package")

from benchmarks.corpus.causes import NAMED_BY
from benchmarks.corpus.mutations import MUTATIONS
from benchmarks.corpus.mutations.pairs import Drawn, pair, scores_of
from benchmarks.corpus.mutations.problems import PROBLEMS, problem, sound
from benchmarks.corpus.mutations.setting import Setting
from benchmarks.corpus.score import Judged
from benchmarks.corpus.verdicts import Means, verdict


def setting_of(name: str, seed: int = 0) -> Setting:
    rng = np.random.default_rng(seed)
    chosen = problem(rng, name)
    return Setting(chosen, sound(chosen, rng))


def is_same(one: Setting, other: Setting) -> bool:
    mine, theirs = one.problem.arrays, other.problem.arrays
    pairs = ((mine.x, theirs.x), (mine.y, theirs.y), (mine.x_held_out, theirs.x_held_out))
    return one.tree == other.tree and all(np.array_equal(a, b) for a, b in pairs)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_changes_one_of_the_problems_and_leaves_the_sound_one_as_it_was(
    name: str,
) -> None:
    mutation = MUTATIONS[name]
    assert {mutation.cause} <= set(NAMED_BY)
    sick: Setting | None = None
    for problem_name in PROBLEMS:
        healthy = setting_of(problem_name)
        sick = mutation.apply(healthy.copy(), np.random.default_rng(1))
        assert is_same(healthy, setting_of(problem_name))
        if sick is not None:
            assert not is_same(healthy, sick)
            assert set(sick.layers) <= set(range(len(sick.network["layers"] or ()) + 1))
            break
    assert sick is not None


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_sound_recipe_can_be_built(name: str) -> None:
    for seed in range(3):
        tree = setting_of(name, seed).tree
        assert Recipe.of({**tree, "data": {**tree["data"], "task": PROBLEMS[name][0]}})


def test_a_pair_is_drawn_again_from_its_seed_and_differs_from_the_next() -> None:
    def recipes(number: int) -> list[Any]:
        return [told.tree for _, (told, _) in pair(Drawn("softmax of one", number, 5))]

    assert recipes(0) == recipes(0) != recipes(1)


def test_a_fault_is_one_where_the_score_shows_it() -> None:
    (sound_case, _), (sick_case, _) = pair(Drawn("rate far too low", 0, 1))
    assert (sound_case.use, sick_case.use) == ("negative", "positive")
    assert sick_case.causes == ("lr_too_low",)
    assert sound_case.tree["recheck"]["score"][0] > sick_case.tree["recheck"]["score"][0] + 0.1


def test_what_cannot_be_trained_scores_nothing() -> None:
    setting = setting_of("moons").trained(lr=-1.0)
    with pytest.raises(DescendError):
        Recipe.of(setting.tree)
    assert scores_of(setting) == [0.0, 0.0, 0.0]


def test_both_of_a_pair_are_diagnosed_and_told_apart() -> None:
    """As `benchmarks/mutants.py` does it: a case that was drawn has a recipe, and no loop."""
    both = dict(zip(("sound", "sick"), pair(Drawn("softmax of one", 0, 0)), strict=True))
    means = Means(Path(), seeds=1, seconds=60.0)
    found = {
        name: Judged(case, verdict(case, means, lambda _, __, made=made: made))
        for name, (case, made) in both.items()
    }
    assert {one.verdict.state for one in found.values()} == {"done"}
    assert not found["sound"].is_detected
    assert found["sick"].is_cause_first
