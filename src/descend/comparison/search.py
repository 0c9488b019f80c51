"""Search: the draws that one of Optuna's samplers chooses, batch after batch."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import asdict
from numbers import Integral
from typing import Any

import numpy as np

from descend.comparison.axes import Axes
from descend.comparison.axis import Edits
from descend.comparison.cost import examples_bytes, stack_bytes
from descend.comparison.differences import numbers, worst_of
from descend.comparison.draw import SAMPLERS, Draw
from descend.comparison.goal import Goal
from descend.comparison.names import made_unique, names_of
from descend.comparison.plan import spelled_bytes
from descend.comparison.results import Result, matrix
from descend.comparison.sampler import Sampler, imported
from descend.comparison.values import identity
from descend.comparison.variants import IMPOSSIBLE, Builder, UnlikeExamples, Variant, is_about
from descend.errors import RecipeError, RunError
from descend.recipe import Recipe
from descend.recipe.names import nearest

BATCH = 20
NEAR_ENDS = 0.001, 0.999  # a rate of 0 or a dropout of 1 are not drawn

Attempt = Callable[[str, Edits], Variant]


def search_facts(
    base: Recipe, axes: Axes, sampler: str, batch: int | None, halving: int | None
) -> dict[str, Any]:
    """What `comparison.json` keeps of a search; RecipeError where there can be none.

    asked: the places of the variants in each batch; told: for each of them its value, or None.
    """
    if not axes.draws or axes.vary or axes.named:
        raise RecipeError(
            "`search` must have draws and nothing else that varies",
            hint="for example `--sample 60 training.lr=log:1e-4..1 --search tpe`",
        )
    if halving is not None:
        raise RecipeError("`search` and `halving` must not both decide who is trained: give one")
    if sampler not in SAMPLERS:
        close = nearest(sampler, SAMPLERS)
        raise RecipeError(
            f"`search` must be one of {', '.join(SAMPLERS)}: {sampler!r}",
            hint=f"did you mean {close!r}?" if close else None,
        )
    _check_ends(base, axes.draws)
    batch = BATCH if batch is None else batch
    if isinstance(batch, bool) or not isinstance(batch, Integral) or batch < 1:
        raise RecipeError(f"`batch` must be a whole number, 1 or more: {batch!r}")
    return {
        "sampler": sampler,
        "samples": axes.samples,
        "batch": batch,
        "seed": axes.seed,
        "draws": [asdict(draw) for draw in axes.draws],
        "optuna": imported("optuna").__version__,
        "asked": [],
        "told": [],
    }


def batches(facts: Mapping[str, Any]) -> int:
    """How many batches a search asks for."""
    return int(-(-facts["samples"] // facts["batch"]))


class Search:
    """A search and its variants so far; made anew, it asks and tells again what it has before."""

    def __init__(
        self,
        facts: Mapping[str, Any],
        variants: Sequence[Variant] = (),
        higher_is_better: bool = True,
    ) -> None:
        self.facts, self.variants = facts, list(variants)
        self.places = {identity(one.edits): place for place, one in enumerate(variants)}
        self.asked = [list(places) for places in facts["asked"]]
        self.told = [list(values) for values in facts["told"]]
        self.sampler = Sampler(
            facts["sampler"],
            [Draw(**one) for one in facts["draws"]],
            facts["seed"],
            facts["batch"],
            higher_is_better,
        )
        for number, places in enumerate(self.asked):
            again = [self.places.get(identity(edits)) for edits in self.sampler.ask(len(places))]
            if again != places:
                raise RunError(
                    "the sampler must ask for what it asked for before: batch "
                    f"{number + 1} differs, with Optuna {imported('optuna').__version__}",
                    hint=f"pip install optuna=={facts['optuna']}, or compare anew",
                )
            if number < len(self.told):
                self.sampler.tell(self.told[number])

    def to_json(self) -> dict[str, Any]:
        return {**self.facts, "asked": self.asked, "told": self.told}

    def more(self, values: Mapping[int, float], attempt: Attempt) -> list[int]:
        """The places of the variants to be trained next, none at the end of the search.

        values: how the variants that were trained did. What has a value already or cannot be built
        counts as asked for.
        """
        while True:
            if len(self.told) < len(self.asked):
                self.told.append([values.get(place) for place in self.asked[-1]])
                self.sampler.tell(self.told[-1])
            count = min(self.facts["batch"], self.facts["samples"] - sum(map(len, self.asked)))
            first = len(self.variants)
            if count:
                self._ask(count, attempt)
            fresh = range(first, len(self.variants))
            places = [place for place in fresh if self.variants[place].recipe is not None]
            if places or not count:
                return places

    def _ask(self, count: int, attempt: Attempt) -> None:
        asked = self.sampler.ask(count)
        keys = [identity(edits) for edits in asked]
        known = [one.edits for one in self.variants]
        fresh: dict[Hashable, Edits] = {}
        for key, edits in zip(keys, asked, strict=True):
            if key not in self.places:
                fresh.setdefault(key, edits)
        labels = names_of([*known, *fresh.values()])[len(known) :]
        names = made_unique([*(one.name for one in self.variants), *labels])[len(known) :]
        for name, (key, edits) in zip(names, fresh.items(), strict=True):
            self.places[key] = len(self.variants)
            self.variants.append(attempt(name, edits))
        self.asked.append([self.places[key] for key in keys])


def _check_ends(base: Recipe, draws: Sequence[Draw]) -> None:
    """Raise the RecipeError of what lies near the end of a range, or among a field's choices.

    The search would learn to keep away from it, but it is a slip. What is possible beside some
    value of another drawn field, as a momentum beside `sgd`, is none.
    """
    for draw in draws:
        others = [
            {other.field: value} for other in draws if other is not draw for value in _ends(other)
        ]
        for value in _ends(draw):
            error = _error_about(draw.field, value, base)
            if error and all(_error_about(draw.field, value, base, beside) for beside in others):
                raise error


def _ends(draw: Draw) -> Sequence[Any]:
    return draw.values or [draw.at(share) for share in NEAR_ENDS]


def _error_about(
    field: str, value: Any, base: Recipe, beside: Edits | None = None
) -> RecipeError | None:
    """Why a field cannot have this value beside others; another field's error is none of it."""
    try:
        base.edited({**(beside or {}), field: value})
    except RecipeError as error:
        return error if is_about(error, field) else None
    return None


def values_of(results: Sequence[Result], seeds: Sequence[int], goal: Goal) -> dict[int, float]:
    """Each variant's mean over the seeds, those left out whose stack failed.

    A seed that diverged counts as the worst of all, as it does in the verdict.
    """
    failed = {one.variant for one in results if one.status == "failed"}
    places = sorted({one.variant for one in results} - failed)
    known = numbers(matrix(results, places, seeds, goal.metric))
    if np.isnan(known).all():
        return {}
    filled = np.where(np.isnan(known), worst_of(known, goal.higher_is_better), known)
    return dict(zip(places, filled.mean(axis=1).tolist(), strict=True))


def attempting(builder: Builder, base: Recipe, memory: int, processes: int) -> Attempt:
    """Builds variants of a recipe; one that cannot be, or has no room, gets its reason."""

    def attempt(name: str, edits: Edits) -> Variant:
        try:
            variant = builder.built(name, edits, base.edited(edits))
        except UnlikeExamples:
            raise
        except IMPOSSIBLE as error:
            return Variant(name, edits, None, reason=error.message)
        assert variant.recipe is not None
        examples = builder.examples_of(variant.recipe)
        needed = stack_bytes(variant.recipe, examples, 1)
        room = max(0, memory - examples_bytes(examples)) // processes
        if needed > room:
            reason = f"{spelled_bytes(needed)} for one network: a process has {spelled_bytes(room)}"
            return Variant(name, edits, None, reason=reason)
        return variant

    return attempt
