"""Comparisons: the verbs that begin one, continue it, and read it from its folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from descend.comparison.axes import Axes, axes_of
from descend.comparison.comparing import (
    Means,
    Prepared,
    Question,
    TellRound,
    begin,
    carry_on,
    prepare,
    read,
)
from descend.comparison.comparison import Comparison
from descend.comparison.draws import draws_of
from descend.comparison.file import Compare
from descend.comparison.folder import ComparisonFolder
from descend.comparison.judgement import why_not
from descend.data.examples import Examples
from descend.intake import Arrays, as_comparison, as_recipe, edits_for
from descend.recipe import Recipe
from descend.runs.edits import seeds_of


def compare(
    recipe: Recipe | Mapping[str, Any] | Path | str,
    *,
    vary: Mapping[str, Sequence[Any]] | None = None,
    zipped: bool = False,
    sample: Mapping[str, Any] | None = None,
    samples: int = 0,
    variants: Mapping[str, Mapping[str, Any]] | None = None,
    recipes: Mapping[str, Recipe | Mapping[str, Any] | Path | str] | None = None,
    edits: Mapping[str, Any] | None = None,
    seed: int | None = None,
    seeds: int | Sequence[int] | None = None,
    epochs: int | None = None,
    metric: str | None = None,
    target: float | None = None,
    baseline: str | None = None,
    halving: int | None = None,
    search: str | None = None,
    batch: int | None = None,
    data: Examples | Arrays | None = None,
    out: Path | str | None = "runs",
    device: str = "auto",
    memory: int | None = None,
    processes: int | None = None,
    data_dir: Path | str | None = None,
    tell: TellRound | None = None,
    before: Callable[[Prepared], None] | None = None,
    is_large_allowed: bool = False,
) -> Comparison:
    """Train variants of a recipe over many seeds, and say which is better and how sure that is.

    vary: values of fields by dotted name, {"training.lr": [0.1, 0.01]}: all combinations of them,
    or the first of each, the second of each, … where `zipped`. variants: edits by name. recipes:
    whole recipes by name, beside the first one. sample: fields that are drawn at random, `samples`
    times, as in {"training.lr": "log:1e-4..1", "network.hidden": [[32], [64]]}.
    seeds: how many from the recipe's seed on, 10 if absent, or which; variants with one seed start
    from the same draws and see the same batches.
    metric: what decides, such as "test/accuracy"; target: its value from which on a network counts
    as having learnt; baseline: the variant that the others are compared with, the best if absent.
    halving: after each rung only the best one in so many variants goes on.
    search: which of Optuna's samplers chooses the draws, "tpe", "gp", "cmaes", "nsgaii", "qmc" or
    "random", `batch` of them at a time, 20 if absent, from how those before them did.
    memory: bytes; processes: of one thread each, as many as there are cores if absent.
    before: called with the plan before anything is written; what it raises ends the comparison.
    What is not given is as the table [compare] of the recipe's file or lab says: with it
    `descend.compare("initialisation")` is complete. Its variants take part where no others are
    given, its `edits` always do, before those that are given.

    Ctrl-C stops in good order: the comparison returns with status "interrupted", and
    `resume_comparison` goes on.
    Raises RecipeError, DataError or RunError before anything is written; a single variant that
    cannot be built or trained is a row with its reason.
    """
    given, name, asked = as_comparison(recipe, "arrays" if data is not None else None)
    asked = Compare() if recipes else asked
    written = given.edited(asked.edits)
    base = written.edited({**edits_for(seed, epochs), **(edits or {})})
    if recipes:
        others = [(title, as_recipe(one)[0]) for title, one in recipes.items()]
        axes = Axes.of_recipes([(name, base), *others])
    elif not (vary or variants or sample):
        axes = asked.axes(base.training.seed)
    else:
        asked = asked.without_variants()
        axes = Axes(
            named=tuple((variants or {}).items()),
            vary=axes_of(vary or {}),
            zipped=zipped,
            draws=draws_of(sample or {}),
            samples=samples,
            seed=base.training.seed,
        )
    own, chosen = (seeds_of(one, asked.seeds or 10) for one in (written, base))
    chosen = chosen if seeds is None else seeds_of(base, seeds)
    if target is None and metric in (None, asked.metric):
        target = asked.target
    question = Question(
        name=name,
        base=base,
        axes=axes,
        seeds=chosen,
        metric=metric or asked.metric,
        target=target,
        baseline=baseline or asked.baseline,
        halving=halving or asked.halving,
        search=asked.search if search is None else search,
        batch=asked.batch if batch is None else batch,
        expected=[
            (one, why_not(one, (written, own), (base, chosen), has_arrays=data is not None))
            for one in asked.expectations()
        ],
    )
    means = Means(data, data_dir, device, memory, processes)
    prepared = prepare(question, means, is_large_allowed=is_large_allowed)
    if before is not None:
        before(prepared)
    if out is None:
        with TemporaryDirectory(prefix="descend-") as root:
            try:
                comparison = carry_on(lambda: begin(prepared, root), means, tell, prepared)
            except KeyboardInterrupt:
                raise KeyboardInterrupt("stopped at once; nothing was kept") from None
            return replace(comparison, folder=None)
    return carry_on(lambda: begin(prepared, out), means, tell, prepared)


def resume_comparison(
    comparison: Path | str,
    *,
    data: Examples | Arrays | None = None,
    data_dir: Path | str | None = None,
    tell: TellRound | None = None,
) -> Comparison:
    """Continue an interrupted or killed comparison, bit for bit as if nothing had happened.

    A finished one is returned as it is. data: the arrays again, for one that was trained on them.
    """
    folder = ComparisonFolder.open(comparison)
    return carry_on(lambda: folder, Means(data, data_dir), tell)


def load_comparison(comparison: Path | str) -> Comparison:
    """The comparison of a folder, as far as it is."""
    return read(ComparisonFolder.open(comparison))
