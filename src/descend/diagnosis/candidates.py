"""Candidates: every edit of a recipe that may cure it, those that findings name first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from descend.comparison.names import made_unique, names_of
from descend.errors import RecipeError
from descend.findings.finding import Finding, Remedy, edit
from descend.recipe import Recipe

ANEW = "as descend chooses"
MOST_PAIRS = 6
PREPARING = ("data.scale", "data.target_scale")
KEPT = ("seed", "dtype", "evaluate", "measure_every", "measure_first", "drop_last", "shuffle")


@dataclass(frozen=True)
class Candidate:
    """Edits that may cure, and the codes of the findings that named them; none = nobody did."""

    name: str
    edits: Mapping[str, Any]
    codes: tuple[str, ...]
    why: str = ""


def candidates(recipe: Recipe, findings: Sequence[Finding]) -> list[Candidate]:
    """The edits worth a try, the likeliest first.

    The first remedy of each finding, all of these together, everything chosen anew, the findings'
    other remedies, first ones in pairs, and what often helps though nobody named it. Edits that
    change nothing, or that are impossible, are left out.
    """
    everything = _all(findings)
    remedies = [(remedy, one.code) for one in everything for remedy in one.remedies]
    by_name = _distinct(recipe, [*remedies, *((remedy, None) for remedy in usual(recipe))])
    first_ones = [
        recipe.edited(one.remedies[0].edits)
        for one in everything
        if one.remedies and changes(recipe, one.remedies[0].edits)
    ]
    leading = [one for one in by_name if recipe.edited(one.edits) in first_ones]
    following = [one for one in by_name if one not in leading]
    pairs = list(combinations(leading, 2))[:MOST_PAIRS] if len(leading) > 2 else []
    found = [
        *leading,
        *_joined(recipe, [leading] if len(leading) > 1 else []),
        Candidate(ANEW, anew(recipe), (), "for these data"),
        *[one for one in following if one.codes],
        *_joined(recipe, pairs),
        *[one for one in following if not one.codes],
    ]
    names = made_unique([one.name for one in found])
    return [replace(one, name=name) for name, one in zip(names, found, strict=True)]


def usual(recipe: Recipe) -> list[Remedy]:
    """What often helps, whatever is wrong: other rates, Adam, scaled inputs, a sound start."""
    training = recipe.training
    remedies = []
    if training.lr:
        remedies.append(edit("training.lr", None, "descend's own choice"))
        remedies += [edit("training.lr", float(f"{training.lr * k:.3g}")) for k in (0.1, 10)]
    if training.optimizer != "adam":
        remedies.append(Remedy({"training.optimizer": "adam", "training.lr": 0.001}))
    if recipe.data.scale != "standard":
        remedies.append(edit("data.scale", "standard"))
    if recipe.network.init is not None and recipe.network.init.name != "he_normal":
        remedies.append(edit("network.init", "he_normal"))
    if not recipe.network.batch_norm and (recipe.network.hidden or recipe.network.layers):
        remedies.append(edit("network.batch_norm", "before"))
    return remedies


def anew(recipe: Recipe) -> dict[str, Any]:
    """The edits that leave every choice of network and training to descend, on standard scales."""
    edits: dict[str, Any] = {}
    for table in ("network", "training"):
        for name, value in getattr(recipe, table):
            if value is not None and name not in KEPT:
                edits[f"{table}.{name}"] = None
    edits["data.scale"] = "standard"
    if recipe.data.task == "regression":
        edits["data.target_scale"] = "standard"
    return edits


def changes(recipe: Recipe, edits: Mapping[str, Any]) -> bool:
    """Whether edits make another recipe of this one; False also where they are impossible.

    And where they make other examples of the data: with and without them nothing is comparable.
    """
    if any(field.startswith("data.") and field not in PREPARING for field in edits):
        return False
    try:
        return bool(recipe.edited(edits) != recipe)
    except RecipeError:
        return False


def _distinct(recipe: Recipe, named: Iterable[tuple[Remedy, str | None]]) -> list[Candidate]:
    """The remedies that change something, each once, with the codes of all that name it."""
    by_recipe: dict[str, tuple[Remedy, list[str]]] = {}
    for remedy, code in named:
        if changes(recipe, remedy.edits):
            # two ways to say it are one change
            key = recipe.edited(remedy.edits).to_toml()
            codes = by_recipe.setdefault(key, (remedy, []))[1]
            codes += [code] if code is not None else []
    found = list(by_recipe.values())
    names = names_of([remedy.edits for remedy, _ in found]) if found else []
    return [
        Candidate(name, remedy.edits, tuple(dict.fromkeys(codes)), remedy.why)
        for name, (remedy, codes) in zip(names, found, strict=True)
    ]


def _joined(recipe: Recipe, groups: Iterable[Sequence[Candidate]]) -> list[Candidate]:
    """Each group as one candidate, where its members do not contradict each other."""
    made = []
    for group in groups:
        edits = {field: value for one in reversed(group) for field, value in one.edits.items()}
        alone = [recipe.edited(one.edits) for one in group]
        if changes(recipe, edits) and recipe.edited(edits) not in alone:
            codes = dict.fromkeys(code for one in group for code in one.codes)
            made.append(Candidate(" + ".join(one.name for one in group), edits, tuple(codes)))
    return made


def _all(findings: Sequence[Finding]) -> list[Finding]:
    """The findings and all that follows from them."""
    return [one for finding in findings for one in (finding, *_all(finding.consequences))]
