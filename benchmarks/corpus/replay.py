"""Replay: each case trained as it was told, beside what its own file says came of it.

Where the two agree, the words of the recipe mean what the case means.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descend.api import train
from descend.data.examples import Examples
from descend.errors import DescendError

from .arrays import as_examples, load
from .cases import Case
from .learnt import learnt
from .reasons import LeftOut
from .recipes import told
from .verdicts import Means, TooLong, at_most

LEARNS = 0.5  # of the way from chance to perfect, or of what the file says
NEAR = 0.15  # the largest difference of two scores that mean the same


@dataclass(frozen=True)
class Replay:
    """score: of each network as the file has it: 0 is chance, 1 perfect, None not finite."""

    case: Case
    state: str
    score: tuple[float | None, ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()

    @property
    def known(self) -> Mapping[str, Any]:
        recheck: Mapping[str, Any] = self.case.tree.get("recheck") or {}
        return recheck

    @property
    def agrees(self) -> bool | None:
        """Whether the scores are those of the file, within what seeds change; None if unknown."""
        theirs: list[float | None] | None = self.known.get("score")
        if self.state != "done" or theirs is None:
            return None
        if _failed(theirs) and _failed(self.score):
            return True
        known = [score for score in theirs if score is not None]
        return bool(known) and min(known) - NEAR <= _middle(self.score) <= max(known) + NEAR

    def to_json(self) -> dict[str, Any]:
        return {
            "id": self.case.id,
            "state": self.state,
            "score": list(self.score),
            "recheck": {name: self.known.get(name) for name in ("verdict", "score", "steps")},
            "agrees": self.agrees,
            "notes": list(self.notes),
            "seconds": self.seconds,
        }


def replay(case: Case, means: Means) -> Replay:
    """A case trained over the seeds, for as many steps as the file's own re-run."""
    began = time.perf_counter()
    if case.has_loop:
        return Replay(case, "not run")
    notes: tuple[str, ...] = ()
    try:
        with at_most(means.seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            arrays = load(case, means.folder, means.data_dir)
            recipe = told(case, arrays)
            notes = tuple(recipe.notes)
            examples = as_examples(arrays, recipe.task, recipe.tree["data"])
            if not isinstance(examples, Examples):
                return Replay(case, "refused: its data", notes=notes)
            score = _trained(case, recipe.tree, examples, means)
    except LeftOut as error:
        return Replay(case, f"{error.state}: {error}", notes=notes)
    except TooLong:
        return Replay(case, "too long", notes=notes)
    except DescendError as error:
        return Replay(case, f"refused: {error.message}", notes=notes)
    return Replay(case, "done", score, time.perf_counter() - began, notes)


def _trained(
    case: Case, tree: Mapping[str, Any], examples: Examples, means: Means
) -> tuple[float | None, ...]:
    recheck = case.tree.get("recheck") or {}
    edits: dict[str, Any] = {"training.measure_every": 0, "training.measure_first": 0}
    if recheck.get("truncated"):
        edits["training.steps"] = recheck["steps"]
    run = train(tree, edits=edits, data=examples, seeds=means.seeds, out=None, threads=1)
    return tuple(_known(learnt(result, examples)) for result in run.results)


def _known(score: float) -> float | None:
    return score if math.isfinite(score) else None


def _failed(score: Sequence[float | None]) -> bool:
    """Whether the middle network has not learnt."""
    return _middle(score) < LEARNS


def _middle(score: Sequence[float | None]) -> float:
    """The score of the middle network; what is not finite is worse than all else."""
    known = sorted(-math.inf if one is None else one for one in score)
    return known[len(known) // 2]


def table(replays: Sequence[Replay]) -> str:
    """What agrees, and each case that does not."""
    done = [one for one in replays if one.agrees is not None]
    agreeing = [one for one in done if one.agrees]
    lines = [f"replayed: {len(agreeing)} of {len(done)} as their files say"]
    for one in done:
        if not one.agrees:
            theirs = f"{one.known.get('verdict')} {_spelled(one.known['score'])}"
            notes = f"  ({'; '.join(one.notes)})" if one.notes else ""
            lines.append(f"  {one.case.id:34}{theirs} here {_spelled(one.score)}{notes}")
    for one in replays:
        if one.agrees is None:
            lines.append(f"  {one.case.id:34}{one.state}")
    return "\n".join(lines)


def _spelled(score: Sequence[float | None]) -> str:
    return "/".join("nan" if one is None else f"{one:.2f}" for one in score)
