"""Labs: the experiments of the tutorials, each a recipe with its story and expected results."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import product
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, model_validator

from descend.comparison.file import Compare, ComparisonFile, NamedEdits
from descend.errors import RecipeError
from descend.expectations import Check, Expectation, judge
from descend.recipe import Recipe
from descend.recipe.fields import Count, OneOf, Part
from descend.recipe.names import nearest

if TYPE_CHECKING:
    from descend.runs.run import Run

TUTORIALS = (
    "Perceptron and gates",
    "Backprop by hand",
    "Activations",
    "Optimizers",
    "Initialisation and RBM",
    "Dropout",
    "Batch normalisation",
    "MNIST end to end",
    "Heads and losses",
)

# What these say is what is looked at: variants that differ in nothing else train alike.
LOOKING = tuple(
    f"training.{name}" for name in ("evaluate", "evaluate_every", "measure_every", "measure_first")
)

Train = Callable[..., "Run"]
Announce = Callable[[str, int, int], None]


class Variant(Part):
    """The lab's recipe with some fields changed, and how many networks are trained side by side."""

    name: str
    edits: Mapping[str, Any] = Field(default_factory=dict)
    seeds: Count | None = None


class Vary(Part):
    """One field and the values that it takes; all combinations of several of these are variants."""

    field: str
    values: tuple[Any, ...]
    names: tuple[str, ...] | None = None

    @property
    def choices(self) -> list[tuple[str, Any]]:
        """Each value after its name."""
        names = self.names or tuple(str(value) for value in self.values)
        return list(zip(names, self.values, strict=True))


class Lab(Part):
    """An experiment: a recipe, its variants, its story and what should come out.

    tutorial: the one that it belongs to; place: its place among the labs of that tutorial.
    compare: how its variants are compared over seeds, None where nobody has written that.
    """

    name: str
    tutorial: Annotated[str, OneOf(TUTORIALS)]
    place: int = 0
    title: str
    story: str
    recipe: Recipe
    variants: tuple[Variant, ...]
    expectations: tuple[Expectation, ...]
    compare: Compare | None = None

    @model_validator(mode="after")
    def _names_fit(self) -> Lab:
        names = [variant.name for variant in self.variants]
        if len(set(names)) < len(names):
            raise ValueError(f"the variants of {self.name} must have a name each: {names}")
        for expectation in self.expectations:
            for name in (expectation.variant, expectation.minus_variant or names[0]):
                if name not in names:
                    raise ValueError(f"{expectation.what!r} must be of a variant: {name!r}")
        if self.compare is not None:
            self.comparison.check_variants(self.recipe.training.seed)
        return self

    def __repr__(self) -> str:
        return f"<Lab {self.name}: {self.title}>"

    @property
    def comparison(self) -> Compare:
        """What is compared over seeds: the lab's variants, if [compare] has none of its own.

        Variants that train alike are none: of such a lab there is nothing to compare.
        """
        asked = self.compare or Compare()
        trained = [
            {k: v for k, v in one.edits.items() if k not in LOOKING} for one in self.variants
        ]
        if asked.varies or all(edits == trained[0] for edits in trained):
            return asked
        variants = tuple(NamedEdits(name=one.name, edits=one.edits) for one in self.variants)
        return asked.model_copy(update={"variants": variants})

    def recipe_of(self, variant: Variant) -> Recipe:
        """What a variant trains."""
        title = f"{self.name}: {variant.name}" if len(self.variants) > 1 else self.name
        return self.recipe.edited({"title": title, **variant.edits})

    def run(
        self,
        train: Train,
        *,
        epochs: int | None = None,
        data_source: str | None = None,
        edits: Mapping[str, Any] | None = None,
        seed: int | None = None,
        seeds: int | Sequence[int] | None = None,
        announce: Announce | None = None,
        **options: Any,
    ) -> LabResult:
        """Train every variant and judge the expectations.

        train: `descend.train`; options go to it as they are.
        epochs, data_source, edits, seed, seeds: changes for all variants; what can no longer be
        compared with the expected results is shown and not judged.
        announce: called before each variant with its name, its place from 1, and their number.
        A variant that was asked to stop is the last one, whether or not it could finish.
        """
        if data_source is not None:
            self._check_one_source(data_source)
        changes = dict(edits or {})
        if data_source is not None:
            changes["data.source"] = data_source
        began = perf_counter()
        runs: dict[str, Run] = {}
        for place, variant in enumerate(self.variants, start=1):
            if announce is not None:
                announce(variant.name, place, len(self.variants))
            run = runs[variant.name] = train(
                self.recipe_of(variant),
                edits=changes,
                seed=seed,
                seeds=variant.seeds if seeds is None else seeds,
                epochs=epochs,
                **options,
            )
            if run.status == "interrupted" or run.was_asked_to_stop:
                break
        changed = Changes(epochs, data_source, bool(edits), seed, seeds)
        data_dir = options.get("data_dir")
        checks = [
            judge(expectation, runs, changed.why_not(self, expectation, runs), data_dir)
            for expectation in self.expectations
        ]
        return LabResult(self, runs, checks, perf_counter() - began)

    def _check_one_source(self, data_source: str) -> None:
        own = {self.recipe_of(variant).data.source for variant in self.variants}
        if len(own) > 1:
            raise RecipeError(
                f"the lab {self.name} must keep its data, its variants differ in them: "
                f"{data_source!r}",
                hint="`--epochs` makes it small",
            )


@dataclass(frozen=True)
class Changes:
    """How a lab was run otherwise than it is written."""

    epochs: int | None = None
    data_source: str | None = None
    has_edits: bool = False
    seed: int | None = None
    seeds: int | Sequence[int] | None = None

    def why_not(self, lab: Lab, expectation: Expectation, runs: Mapping[str, Run]) -> str:
        """Why an expectation cannot be judged after these changes; empty where it can."""
        names = [expectation.variant, expectation.minus_variant or expectation.variant]
        for name in names:
            if name not in runs or runs[name].status == "interrupted":
                return "interrupted"
        if self.has_edits:
            return "the recipe was edited"
        if expectation.gradient:
            return ""
        if self.data_source not in (None, lab.recipe.data.source):
            return f"other data: {self.data_source}"
        reasons = (self._why_not_of(lab, expectation, name) for name in names)
        return next(filter(None, reasons), "")

    def _why_not_of(self, lab: Lab, expectation: Expectation, name: str) -> str:
        variant = next(variant for variant in lab.variants if variant.name == name)
        training = lab.recipe_of(variant).training
        if self.seed not in (None, training.seed):
            return f"another seed: {self.seed}"
        if self.seeds is not None:
            own = list(range(training.seed, training.seed + (variant.seeds or 1)))
            given = self.seeds
            chosen = (
                list(range(training.seed, training.seed + given))
                if isinstance(given, int)
                else list(given)
            )
            if chosen[:1] != own[:1] or (expectation.is_about_seeds and chosen != own):
                return "other seeds"
        if self.epochs in (None, training.epochs):
            return ""
        if self.epochs is not None and 1 <= (expectation.epoch or 0) <= self.epochs:
            return ""
        if expectation.quantity and expectation.step == 0:
            return ""
        return f"another number of epochs: {self.epochs}"


@dataclass(frozen=True, eq=False)
class LabResult:
    """What a lab gave: its runs by variant, and each expectation beside what was found."""

    lab: Lab
    runs: dict[str, Run]
    checks: list[Check]
    seconds: float

    def __repr__(self) -> str:
        met, judged = (
            sum(check.met in among for check in self.checks) for among in ((True,), (True, False))
        )
        return f"<LabResult of {self.lab.name}: {met} of {judged} results are as expected>"

    @property
    def is_as_expected(self) -> bool:
        """Whether nothing that could be judged came out otherwise."""
        return all(check.met is not False for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """The document that `lab --json` prints; the runs' folders hold their curves."""
        kept = ("run", "status", "metrics", "findings", "seconds", "runs")
        variants = {
            name: {key: value for key, value in run.to_json().items() if key in kept}
            for name, run in self.runs.items()
        }
        return {
            "lab": self.lab.name,
            "title": self.lab.title,
            "tutorial": self.lab.tutorial,
            "variants": variants,
            "checks": [check.to_json() for check in self.checks],
            "is_as_expected": self.is_as_expected,
            "seconds": self.seconds,
        }


def labs() -> list[Lab]:
    """Every lab, in the order of the tutorials."""
    found = [find_lab(name) for name in lab_names()]
    return sorted(found, key=lambda lab: (TUTORIALS.index(lab.tutorial), lab.place, lab.name))


@cache
def lab_names() -> tuple[str, ...]:
    """The names of all labs, in alphabetical order; reads no file."""
    names = (entry.name for entry in (files("descend") / "labs").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


@cache
def find_lab(name: str) -> Lab:
    """The lab of that name; RecipeError with the nearest name where there is none."""
    if name not in lab_names():
        close = nearest(name, lab_names())
        close = close or nearest(name.replace("_", "-"), lab_names())
        raise RecipeError(
            f"LAB must be the name of a lab: {name!r}",
            hint=f"did you mean {close!r}?" if close else "`descend labs` lists them",
        )
    return read_lab(name, (files("descend") / "labs" / f"{name}.toml").read_text(encoding="utf-8"))


def read_lab(name: str, text: str) -> Lab:
    """The lab that a TOML text describes: a recipe, a table [lab], and [compare] if it has one."""
    tree = tomllib.loads(text)
    described = tree.pop("lab")
    file = ComparisonFile.of(tree)
    variants = list(described.pop("variants", []))
    varied = [Vary.model_validate(one) for one in described.pop("vary", [])]
    if varied:
        variants += [
            {
                "name": ", ".join(label for label, _ in combination),
                "edits": {v.field: c[1] for v, c in zip(varied, combination, strict=True)},
            }
            for combination in product(*(one.choices for one in varied))
        ]
    variants = variants or [{"name": name}]
    expected = [{"variant": variants[0]["name"], **one} for one in described.pop("expect", [])]
    return Lab.model_validate(
        {
            "name": name,
            "title": tree.get("title", name),
            **described,
            "recipe": file.recipe,
            "compare": file.compare if "compare" in tree else None,
            "variants": variants,
            "expectations": expected,
        }
    )
