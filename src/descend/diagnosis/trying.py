"""Trying: changes of a recipe, each trained as long as the networks themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import inf
from statistics import median
from typing import Any

from descend.comparison.cost import work_seconds
from descend.comparison.values import identity
from descend.data.examples import Examples
from descend.diagnosis.watching import Quiet
from descend.errors import DescendError
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.standing import error_of, progress
from descend.findings.trial import Trial
from descend.intake import examples_of
from descend.recipe import Recipe
from descend.training.training import Training

MOST = 4  # different changes
MOST_SECONDS = 10.0  # of a CPU, as planned, for each
NEARLY_ALL = 0.95  # of what there is to learn: nothing is left to gain

Changes = Mapping[str, Mapping[str, Any]]
Trials = dict[str, Trial]


def tried(
    changes: Changes,
    records: Sequence[Record],
    recipes: Sequence[Recipe],
    examples: Examples,
    stop: Callable[[], bool],
) -> tuple[Trials, int]:
    """The trial of each change by its name, and the steps that all of them took.

    records: of the networks as they are, trained to the end. Nothing is tried where these know
    nearly all there is to know, or where it would take long; what cannot be built has no trial.
    """
    own = _middle(records)
    if own is None or own >= NEARLY_ALL:
        return {}, 0
    trials: Trials = {}
    done: dict[Any, Trial | None] = {}
    steps = 0
    for name, edits in changes.items():
        key = identity(edits)
        if key not in done and len(done) < MOST:
            changed, taken = _trained(edits, records, recipes, examples, stop)
            steps += taken
            if changed is None:
                done[key] = None
            else:
                error = error_of(max(own, changed), records[0])
                done[key] = Trial(edits, own, changed, error)
        if (trial := done.get(key)) is not None:
            trials[name] = trial
    return trials, steps


def _trained(
    edits: Mapping[str, Any],
    records: Sequence[Record],
    recipes: Sequence[Recipe],
    examples: Examples,
    stop: Callable[[], bool],
) -> tuple[float | None, int]:
    """The middle score of the edited recipes, and the steps that they took together."""
    try:
        edited = [recipe.edited(edits) for recipe in recipes]
        prepared = examples_of(edited[0], examples, None)
        if work_seconds(edited[0], prepared, len(edited)) > MOST_SECONDS:
            return None, 0
        training = Training(edited, prepared, "cpu")
        training.trace.turn_off()
        if not training.run(Quiet(stop)):
            return None, training.step * len(edited)
    except DescendError:
        return None, 0
    scores = {name: values.tolist() for name, values in training.score().items()}
    trained = [
        replace(
            record,
            metrics={name: values[run] for name, values in scores.items()},
            status=training.status[run],
        )
        for run, record in enumerate(records)
    ]
    return _middle(trained), training.step * len(edited)


def _middle(records: Sequence[Record]) -> float | None:
    """How far the middle seed came; None where that is not known."""
    try:
        return median(-inf if one.status == "diverged" else progress(one) for one in records)
    except NotMeasured:
        return None
