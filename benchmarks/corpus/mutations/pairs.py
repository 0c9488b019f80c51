"""Pairs: a sound network, and the same with a single fault, both trained to see what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

import descend
from descend.data.examples import Examples
from descend.errors import DescendError

from ..arrays import as_examples
from ..cases import Case
from ..learnt import learnt
from ..recipes import Told
from . import MUTATIONS
from .problems import PROBLEMS, problem, sound
from .setting import Mutation, Setting

LEARNS = 0.8  # of the way from chance to perfection: what is sound comes that far in each seed
LOSES = 0.1  # of that way: what a fault takes at least
DRAWS = 40
SEEDS = 3
WORST = -1.0

Prepared = tuple[Told, Any]


@dataclass(frozen=True)
class Drawn:
    """Which pair is meant: the fault's name, the number of the pair, and the seed of all."""

    name: str
    number: int
    seed: int


def pair(drawn: Drawn) -> list[tuple[Case, Prepared]]:
    """The cases of a pair, the sound one first; none where no problem offers the fault a place."""
    rng = np.random.default_rng([drawn.seed, drawn.number, crc32(drawn.name.encode())])
    mutation = MUTATIONS[drawn.name]
    for _ in range(DRAWS):
        chosen = problem(rng, str(rng.choice(list(PROBLEMS))))
        healthy = Setting(chosen, sound(chosen, rng))
        sick = mutation.apply(healthy.copy(), rng)
        if sick is None:
            continue
        worst, score, _ = scores_of(healthy)
        if worst < LEARNS:
            continue
        left = scores_of(sick)[1]
        is_seen = mutation.is_structural or left < score - LOSES
        return [
            case_of(f"{drawn.name} {drawn.number}, sound", healthy, "negative", score),
            case_of(
                f"{drawn.name} {drawn.number}",
                sick,
                "positive" if is_seen else "weak",
                left,
                mutation,
            ),
        ]
    return []


def case_of(
    name: str, setting: Setting, use: str, score: float, mutation: Mutation | None = None
) -> tuple[Case, Prepared]:
    """A case of the corpus's kind, and its recipe and examples."""
    places: list[int | None] = [*setting.layers] or [None]
    faults = [] if mutation is None else [(mutation.cause, place) for place in places]
    tree = {
        "id": name,
        "role": "healthy" if mutation is None else "faulty",
        "usable_as": use,
        "origin": {"benchmark": setting.problem.name},
        "known_faults": [{"cause": cause, "layer": place} for cause, place in faults],
        "also_acceptable": list(mutation.also) if mutation else [],
        "recheck": {"score": [score]},
        "layers": [],
    }
    layers = len(setting.network.get("layers") or ()) + 1
    task = task_of(setting)
    recipe = {**setting.tree, "data": {**setting.tree["data"], "task": task}}
    examples = as_examples(setting.problem.arrays, task, recipe["data"])
    return Case(tree), (Told(recipe, task, [[place] for place in range(layers)]), examples)


def task_of(setting: Setting) -> str:
    """The task that a recipe has for these targets: two values that are not 0 and 1 are numbers."""
    is_odd = setting.task == "binary" and not setting.problem.arrays.is_zero_or_one
    return "regression" if is_odd else setting.task


def scores_of(setting: Setting) -> list[float]:
    """From 0, which is chance, to 1: the worse of training and held-out examples, by rank."""
    task = task_of(setting)
    data = {**setting.tree["data"], "task": task}
    examples = as_examples(setting.problem.arrays, task, data)
    if not isinstance(examples, Examples):
        return [0.0] * SEEDS
    edits = {"training.measure_every": 0, "training.measure_first": 0}
    recipe = {**setting.tree, "data": data}
    try:
        run = descend.train(recipe, edits=edits, data=examples, seeds=SEEDS, out=None, threads=1)
    except DescendError:
        return [0.0] * SEEDS
    scores = [[learnt(one, examples, split) for split in ("train", "test")] for one in run.results]
    return sorted(max(WORST, min(each)) for each in scores)
