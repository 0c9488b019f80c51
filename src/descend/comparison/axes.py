"""Axes: all that varies in a comparison, as named edits in order."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from descend.comparison.axis import (
    Axis,
    Edits,
    axes_of,
    check_combinable,
    check_once,
    combinations,
    count,
    parse_axis,
    together,
)
from descend.comparison.draws import Draw, check_sampling, sampled
from descend.comparison.names import UNCHANGED, made_unique, names_of
from descend.comparison.values import check_varies, identity
from descend.errors import RecipeError
from descend.recipe.recipe import Recipe

__all__ = ["Axes", "Axis", "Edits", "axes_of", "combinations", "count", "parse_axis", "together"]

Named = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Axes:
    """Named edits × values that vary × random draws: every combination of these is a variant.

    named: variants that have a name; vary: axes, combined, or side by side where `zipped`;
    draws: fields that are drawn together `samples` times, as `seed` decides.
    """

    named: Sequence[Named] = ()
    vary: Sequence[Axis] = ()
    zipped: bool = False
    draws: Sequence[Draw] = ()
    samples: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if not (self.named or self.vary or self.draws):
            raise RecipeError(
                "a comparison must have something that varies: nothing is given",
                hint="for example `--vary training.lr=0.1,0.01`",
            )
        if bool(self.draws) != bool(self.samples):
            given = f"{len(self.draws)} fields, {self.samples} draws"
            raise RecipeError(
                f"random draws must have their fields and their number: {given}",
                hint="for example `--sample 200 training.lr=log:1e-4..1`",
            )
        if self.draws:
            check_sampling(self.samples, self.seed)
        check_combinable(self.vary, zipped=self.zipped)
        for _, edits in self.named:
            for field, value in edits.items():
                check_varies(field, [value])
        fixed = dict.fromkeys(field for _, edits in self.named for field in edits)
        varied = [axis.field for axis in self.vary] + [draw.field for draw in self.draws]
        check_once([*fixed, *varied])

    @classmethod
    def of_recipes(cls, recipes: Iterable[tuple[str, Recipe]]) -> Axes:
        """Whole recipes after their names, as edits of the first one.

        Their titles and training seeds do not count: names tell them apart, and the seeds of a
        comparison are those of the first recipe for all.
        """
        labelled = list(recipes)
        if not labelled:
            raise RecipeError("a comparison must have recipes to compare: none is given")
        first = labelled[0][1]
        differences = [first.differences(recipe) for _, recipe in labelled]
        for edits in differences:
            edits.pop("title", None)
            edits.pop("training.seed", None)
        return cls(named=tuple(zip((name for name, _ in labelled), differences, strict=True)))

    @property
    def count(self) -> int:
        """How many variants there are, without making them; draws may repeat and leave fewer."""
        side_by_side = len(self.vary[0]) if self.vary else 1
        varied = side_by_side if self.zipped else count(self.vary)
        return max(1, len(self.named)) * varied * max(1, self.samples)

    def variants(self) -> list[tuple[str, Edits]]:
        """Each variant's name, unlike all others, and its edits; repeated draws are left out."""
        rows = (together if self.zipped and self.vary else combinations)(self.vary)
        if self.draws:
            rows = [{**row, **edits} for row in rows for edits in self._different_draws()]
        labels = names_of(rows, self.vary) if self.vary or self.draws else [""]
        named = self.named or [("", {})]
        names = [
            ", ".join(filter(None, (name, label))) or UNCHANGED
            for name, _ in named
            for label in labels
        ]
        edits = [{**own, **row} for _, own in named for row in rows]
        return list(zip(made_unique(names), edits, strict=True))

    def _different_draws(self) -> list[Edits]:
        different: dict[Hashable, Edits] = {}
        for edits in sampled(self.draws, self.samples, self.seed):
            different.setdefault(identity(edits), edits)
        return list(different.values())
