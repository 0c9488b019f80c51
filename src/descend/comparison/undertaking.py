"""Undertaking: a comparison that is being carried out, with all that is known of it so far."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Any

from descend.comparison.comparison import Comparison
from descend.comparison.folder import ComparisonFolder
from descend.comparison.goal import Goal
from descend.comparison.plan import Member, Plan, plan
from descend.comparison.preparing import Prepared
from descend.comparison.question import Means
from descend.comparison.reading import as_it_stands, rounds_in, variants_in
from descend.comparison.results import Result, collect
from descend.comparison.rounds import Round
from descend.comparison.search import Search
from descend.comparison.variants import Builder, Variant
from descend.data.examples import Examples
from descend.errors import RunError
from descend.recipe import Recipe
from descend.runs.folder import RunFolder


class Undertaking:
    """Folder, facts, variants and examples of a comparison; what is noted is in its folder.

    prepared: what a new comparison has loaded and built already.
    """

    def __init__(
        self, folder: ComparisonFolder, means: Means, prepared: Prepared | None = None
    ) -> None:
        self.folder, self.facts = folder, folder.read_facts()
        if prepared is None:
            self.variants: Sequence[Variant] = variants_in(folder, self.facts)
            self.builder = Builder(means.data, means.data_dir or self.facts["data"]["folder"])
        else:
            self.variants, self.builder = prepared.variants, prepared.builder
        self.search: Search | None = None
        self.began: float = perf_counter() - self.facts.get("seconds", 0.0)

    @property
    def is_finished(self) -> bool:
        return bool(self.facts["status"] == "finished")

    @property
    def seconds(self) -> float:
        """Since the comparison began, the time between an interruption and its end left out."""
        return round(perf_counter() - self.began, 3)

    @property
    def goal(self) -> Goal:
        return Goal(**self.facts["goal"])

    @property
    def rounds(self) -> list[Round]:
        """All rounds so far, the last one perhaps not at its end."""
        return rounds_in(self.facts)

    def note(self, **facts: Any) -> None:
        """Keep facts in comparison.json."""
        self.facts |= {"seconds": self.seconds, **facts}
        self.folder.write_facts(self.facts)

    def note_rounds(self, rounds: Sequence[Round]) -> None:
        """Keep the rounds there."""
        self.note(rounds=[one.to_json() for one in rounds])

    def results(self) -> list[Result]:
        """How every network has done so far."""
        return collect(self.folder, self.rounds, self.goal, self.variants)

    def comparison(self) -> Comparison:
        """What can be said by now."""
        return as_it_stands(self.folder, self.facts, self.variants)

    def recipe_of(self, variant: int) -> Recipe:
        """The completed recipe of a variant that could be built."""
        recipe = self.variants[variant].recipe
        assert recipe is not None
        return recipe

    def examples_for(self, stack: RunFolder) -> Examples:
        """The examples of a stack, prepared as it asks."""
        return self.builder.examples_of(Recipe.read(stack.recipe))

    def state_of(self, stack: str) -> Mapping[str, Any]:
        """The state that the networks of a stack go on from."""
        state = self.folder.stack(stack).read_checkpoint()
        if state is None:
            raise RunError(
                f"a stack that goes on must have a checkpoint: {stack!r} has none",
                hint="compare anew: files of this comparison are missing",
            )
        return state

    def plan(self, members: Sequence[Member]) -> Plan:
        """The stacks of these networks."""
        return plan(
            self.variants,
            members,
            self.builder.examples_of,
            processes=self.facts["processes"],
            memory=self.facts["memory"],
            is_on_cpu=self.facts["device"] == "cpu",
        )

    def check_data(self, means: Means) -> None:
        """Raise RunError where these are not the data that the comparison began with."""
        known = self.facts["data"]
        if known["is_from_arrays"] and means.data is None:
            raise RunError(
                "the arrays must be given again for a comparison that was trained on arrays: "
                f"{str(self.folder.path)!r}",
                hint="descend.resume_comparison(comparison, data=(x, y))",
            )
        first = next(variant.recipe for variant in self.variants if variant.recipe is not None)
        examples = self.builder.examples_of(first)
        if examples.fingerprint != known["fingerprint"]:
            raise RunError(
                "the data must be those that the comparison began with: "
                f"{examples.name} has another fingerprint",
                hint="restore the data, or compare anew",
            )
        self.builder.goal, self.builder.examples = self.goal, examples
