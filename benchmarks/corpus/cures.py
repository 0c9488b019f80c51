"""Cures: the recipe that `--fix` would write, and what it comes to beside the fixed twin."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from descend.api import train
from descend.comparison.cost import work_seconds
from descend.diagnosis.diagnosing import Diagnosis
from descend.diagnosis.proving import prove
from descend.errors import DescendError
from descend.intake import complete_with_examples
from descend.recipe import Recipe

from .learnt import learnt, middle
from .recipes import Told

FRESH = (9001, 9002, 9003)  # seeds that neither the diagnosis nor the proof has seen
NEAR = 0.1  # of the way from chance to perfection: so much less than the twin is as good
PROVING = 0.5  # of the time, for the proof; each of the two trainings may take half of the rest

Prepared = tuple[Told, Any]


@dataclass(frozen=True)
class Cure:
    """The edits that were found, and scores by rank of seed: 0 is chance, 1 perfect.

    twin: of the recipe that somebody mended; None where there is none. share: of the planned
    epochs that both were trained for. cost: of the proof, in ordinary trainings; None of none.
    """

    edits: Mapping[str, Any] = field(default_factory=dict)
    scores: tuple[float, ...] = ()
    twin: tuple[float, ...] | None = None
    share: float = 1.0
    reason: str = ""
    cost: float | None = None

    @property
    def is_cured(self) -> bool:
        """Whether the middle seed comes as far as that of the twin, or nearly so."""
        if not self.scores or not self.twin:
            return False
        return middle(self.scores) >= middle(self.twin) - NEAR

    def to_json(self) -> dict[str, Any]:
        return {**vars(self), "edits": dict(self.edits), "is_cured": self.is_cured}


def cure_of(sick: Prepared, twin: Prepared | None, diagnosis: Diagnosis, seconds: float) -> Cure:
    """What becomes of a sick recipe with the cure that is found, trained on fresh seeds.

    Where no cure is found the recipe stays as it is; of an impossible one that is what is left
    without its problems.
    """
    (told, data), cost = sick, None
    try:
        recipe = Recipe.of(told.tree) if diagnosis.is_possible else diagnosis.recipe
        proof = prove(recipe, diagnosis.findings, data=data, most_seconds=PROVING * seconds)
        cost = proof.cost
        remedy = replace(diagnosis, proof=proof).remedy
        edits = {} if remedy is None else dict(remedy.edits)
        trained = [(recipe.edited(edits), data)]
        if twin is not None:
            trained.append((Recipe.of(twin[0].tree), twin[1]))
        share = min(_share(one, data, (1 - PROVING) * seconds / 2) for one, data in trained)
        scores = [_scores(one, data, share) for one, data in trained]
    except DescendError as error:
        return Cure(twin=None if twin is None else (), reason=error.message, cost=cost)
    return Cure(edits, scores[0], scores[1] if twin is not None else None, share, cost=cost)


def _share(recipe: Recipe, data: Any, seconds: float) -> float:
    """The share of the epochs that takes no longer."""
    completed, examples = complete_with_examples(recipe, data)
    return min(1.0, seconds / work_seconds(completed, examples, len(FRESH)))


def _scores(recipe: Recipe, data: Any, share: float) -> tuple[float, ...]:
    """Training scores over fresh seeds, as the case files have them."""
    completed, examples = complete_with_examples(recipe, data)
    epochs = max(1, round(share * (completed.training.epochs or 1)))
    edits = {"training.epochs": epochs, "training.measure_every": 0, "training.measure_first": 0}
    run = train(recipe, edits=edits, data=data, seeds=FRESH, out=None, threads=1)
    return tuple(sorted(learnt(result, examples) for result in run.results))
