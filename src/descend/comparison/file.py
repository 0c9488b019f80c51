"""The file of a comparison: a recipe's TOML, and a table [compare] that says what is compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from descend.comparison.axes import Axes
from descend.comparison.axis import Axis
from descend.comparison.draw import SAMPLERS
from descend.comparison.draws import draws_of
from descend.comparison.expected import ExpectedVerdict
from descend.recipe.complaints import ABSENT, ImpossibleRecipe, Problem
from descend.recipe.fields import (
    Count,
    Expected,
    Flag,
    Name,
    Number,
    OneOf,
    Part,
    Text,
    Whole,
    impossible,
    plain,
)
from descend.recipe.known import exists, nearest_field
from descend.recipe.names import METRICS, nearest
from descend.recipe.recipe import Recipe

TABLES = ("data", "network", "training")


def _dotted(given: Any) -> Any:
    """`{data.limit = 5}` without its quotes is a table in a table: the same edit is meant."""
    if not isinstance(given, dict):
        return given
    edits = {}
    for field, value in given.items():
        if field in TABLES and isinstance(value, dict):
            edits.update({f"{field}.{inner}": one for inner, one in value.items()})
        else:
            edits[field] = value
    return edits


Edits = Annotated[Mapping[str, Any], BeforeValidator(_dotted), Expected("a table of edits")]
Values = Annotated[tuple[Any, ...], Field(min_length=1), Expected("a list of values")]
Seeds = Annotated[
    Count | Annotated[tuple[Whole, ...], Field(min_length=1)],
    Expected("a whole number, 1 or more, or a list of seeds"),
]
Halving = Annotated[int, Field(ge=2), Expected("a whole number, 2 or more")]


class Vary(Part):
    """A field, the values that it takes, and what to call them in place of `lr=0.1`."""

    field: Name = Field(description="what varies, by dotted name")
    values: Values = Field(description="all that it takes")
    names: tuple[Name, ...] | None = Field(default=None, description="a name for each value")

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = []
        if not exists(self.field):
            close = nearest_field(self.field)
            problems.append(Problem("field", self.field, "a field of a recipe", close))
        if self.names is not None and len(self.names) != len(self.values):
            expected = f"as many as there are values, {len(self.values)}"
            problems.append(Problem("names", self.names, expected))
        if problems:
            raise impossible(problems)
        return self

    @property
    def axis(self) -> Axis:
        """This as an axis of a comparison."""
        return Axis(self.field, self.values, self.names)


class NamedEdits(Part):
    """A variant: the recipe with some fields changed, under a name."""

    name: Name = Field(description="what to call it")
    edits: Edits = Field(default_factory=dict, description="changes by dotted name")

    @model_validator(mode="after")
    def _check(self) -> Self:
        if problems := _unknown("edits", self.edits):
            raise impossible(problems)
        return self


class Compare(Part):
    """The table [compare]: what of the recipe is compared over how many seeds, and by what.

    >>> asked = Compare.model_validate({"vary": [{"field": "training.lr", "values": [0.1, 0.2]}]})
    >>> [name for name, _ in asked.axes(seed=0).variants()]
    ['lr=0.1', 'lr=0.2']
    """

    story: Text = Field(default="", description="the question, and what to look at")
    seeds: Seeds | None = Field(default=None, description="how many for each variant, or which")
    metric: Annotated[str, OneOf(METRICS)] | None = Field(
        default=None, description="what decides, as split/metric"
    )
    target: Number | None = Field(
        default=None, description="its value from which on a network has learnt"
    )
    baseline: Name | None = Field(
        default=None, description="the variant that all others are compared with; else the best"
    )
    halving: Halving | None = Field(
        default=None, description="after each rung only the best one in so many goes on"
    )
    edits: Edits = Field(
        default_factory=dict, description="changes of the recipe for the whole comparison"
    )
    vary: tuple[Vary, ...] = Field(default=(), description="fields whose values are combined")
    zipped: Flag = Field(default=False, description="take the values of `vary` side by side")
    variants: tuple[NamedEdits, ...] = Field(default=(), description="variants one by one")
    sample: Mapping[str, Any] = Field(
        default_factory=dict, description="fields that are drawn at random, with their ranges"
    )
    samples: Whole = Field(default=0, description="how often they are drawn")
    search: Annotated[str, OneOf(SAMPLERS)] | None = Field(
        default=None, description="which of Optuna's samplers chooses what is drawn"
    )
    batch: Count | None = Field(default=None, description="how many draws it chooses at a time")
    expect: tuple[ExpectedVerdict, ...] = Field(
        default=(), description="the verdicts that should come out"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        problems = [*_unknown("edits", self.edits), *_unknown("sample", self.sample)]
        problems += self._misplaced()
        if problems:
            raise impossible(problems)
        return self

    def _misplaced(self) -> Iterator[Problem]:
        """What is said of a search that there cannot be."""
        if self.search is None and self.batch is not None:
            yield Problem("batch", self.batch, "absent where there is no `search`")
        if self.search is None:
            return
        if not self.sample or self.vary or self.variants:
            yield Problem(
                "search", self.search, "given with `sample`, and nothing else that varies"
            )
        if self.halving is not None:
            yield Problem("halving", self.halving, "absent where there is a `search`")

    @property
    def varies(self) -> bool:
        """Whether it says what the variants are."""
        return bool(self.vary or self.variants or self.sample)

    def without_variants(self) -> Compare:
        """This for other variants than its own, without what is said about these."""
        changes = {"vary": (), "variants": (), "sample": {}, "samples": 0, "zipped": False}
        of_them = {"baseline": None, "halving": None, "expect": (), "search": None, "batch": None}
        return self.model_copy(update={**changes, **of_them})

    def axes(self, seed: int) -> Axes:
        """All that varies; seed: of the random draws."""
        return Axes(
            named=tuple((variant.name, variant.edits) for variant in self.variants),
            vary=tuple(one.axis for one in self.vary),
            zipped=self.zipped,
            draws=draws_of(self.sample),
            samples=self.samples,
            seed=seed,
        )

    def expectations(self) -> list[ExpectedVerdict]:
        """What is expected, with the metric and the baseline where one is not named."""
        return [one.completed(self.metric, self.baseline) for one in self.expect]

    def check_variants(self, seed: int) -> None:
        """Raise a RecipeError where nothing can vary so, or a name is that of no variant."""
        if not self.varies:
            return
        axes = self.axes(seed)
        if not (self.baseline or self.expect):
            return
        names = [name for name, _ in axes.variants()]
        named: list[tuple[str, str | None]] = [("baseline", self.baseline)]
        for place, one in enumerate(self.expect):
            named.append((f"expect.{place}.variant", one.variant))
            named.append((f"expect.{place}.than", one.than))
        problems = [
            Problem(f"compare.{field}", name, "the name of a variant", nearest(name, names))
            for field, name in named
            if name is not None and name not in names
        ]
        problems += [
            Problem(f"compare.expect.{place}.than", ABSENT, "given where there is no baseline")
            for place, one in enumerate(self.expect)
            if not (one.than or self.baseline)
        ]
        if problems:
            raise ImpossibleRecipe(problems)


class ComparisonFile(Recipe):
    """A recipe, and in a table [compare] what of it is compared; without one that is nothing."""

    compare: Compare = Field(
        default_factory=Compare, description="what is compared, over how many seeds"
    )

    @classmethod
    def of(cls, tree: Mapping[str, Any]) -> Self:
        """The file of nested plain data; raises one RecipeError that names every problem."""
        made = super().of(tree)
        made.compare.check_variants(made.training.seed)
        return made

    @property
    def recipe(self) -> Recipe:
        """What is trained."""
        tree: dict[str, Any] = plain(self)
        del tree["compare"]
        return Recipe.of(tree)


def _unknown(field: str, edits: Mapping[str, Any]) -> Sequence[Problem]:
    """The fields of edits that no recipe has."""
    return [
        Problem(field, name, "of fields that a recipe has", nearest_field(name))
        for name in edits
        if not exists(name)
    ]
