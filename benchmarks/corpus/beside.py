"""Beside: the verdicts of other tools on the cases, and descend's own on the same ones."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .cases import Case
from .score import Judged, summary
from .verdicts import DONE, Named, Verdict

KINDS = ("faulty", "right", "fixed", "healthy")
Counts = tuple[int, int]  # so many of so many
Pair = tuple[Mapping[str, Any], Mapping[str, Any] | None]


@dataclass(frozen=True)
class Outcome:
    """What came of a case. verdicts: by tool; fires: by tool and symptom."""

    case: Case
    verdicts: Mapping[str, Verdict]
    fires: Mapping[tuple[str, str], bool]


def verdicts_in(paths: Sequence[Path]) -> dict[str, Verdict]:
    """descend's verdicts by case, from what diagnosis.py wrote; the last file has the last word."""
    documents = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    return {one["id"]: _verdict(one) for document in documents for one in document["cases"]}


def outcomes_in(path: Path, cases: Sequence[Case]) -> list[Outcome]:
    """What an earlier run wrote of these cases."""
    rows = {one["id"]: one for one in json.loads(path.read_text(encoding="utf-8"))["cases"]}
    return [
        Outcome(
            case,
            {name: _verdict(row) for name, row in rows[case.id]["verdicts"].items()},
            {(tool, name): fires for tool, name, fires in rows[case.id]["fires"]},
        )
        for case in cases
        if case.id in rows
    ]


def _verdict(row: Mapping[str, Any]) -> Verdict:
    named = tuple(Named(**_of(Named, one)) for one in row["named"])
    return Verdict(**{**_of(Verdict, row), "named": named, "cure": None})  # no tool has one


def _of(kind: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    known = {field.name for field in fields(kind)}
    lists = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }
    return {name: value for name, value in lists.items() if name in known}


def summarised(
    names: Sequence[str], outcomes: Sequence[Outcome], ours: Mapping[str, Verdict]
) -> dict[str, Pair]:
    """By tool the fractions, and descend's on the cases that both are scored on."""
    found: dict[str, Pair] = {}
    for name in names:
        theirs = [Judged(one.case, one.verdicts[name]) for one in outcomes]
        scored = [one for one in theirs if one.is_scored]
        if not ours:
            found[name] = summary(scored), None
            continue
        both = [(one, Judged(one.case, ours[one.case.id])) for one in scored if one.case.id in ours]
        both = [(one, mine) for one, mine in both if mine.is_scored]
        found[name] = summary([one for one, _ in both]), summary([mine for _, mine in both])
    return found


def rules_in(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], dict[str, Counts]]:
    """By tool and symptom, on how many cases of each kind it fires, and of how many.

    "right": on how many faulty ones it means a right cause, of those on which it fires.
    """
    rows: dict[tuple[str, str], dict[str, Counts]] = {}
    for one in outcomes:
        kind = kind_of(one.case)
        for (tool, symptom), fires in one.fires.items():
            judged = Judged(one.case, one.verdicts[tool])
            row = rows.setdefault((tool, symptom), dict.fromkeys(KINDS, (0, 0)))
            if kind is None or not judged.is_scored:
                continue
            _count(row, kind, fires)
            if kind == "faulty" and fires:
                named = [named for named in judged.alarms if named.name == symptom]
                _count(row, "right", any(one.case.right_causes & {*word.causes} for word in named))
    return rows


def kind_of(case: Case) -> str | None:
    """faulty, fixed or healthy; None for what is not scored."""
    if case.use == "positive":
        return "faulty"
    if case.use != "negative":
        return None
    return "fixed" if case.is_twin else "healthy"


def _count(row: dict[str, Counts], kind: str, holds: bool) -> None:
    row[kind] = row[kind][0] + holds, row[kind][1] + 1


def agreed(outcomes: Sequence[Outcome]) -> dict[str, dict[str, Counts]]:
    """By tool, on how many cases where it gave an alarm itself, or none, it is the same here."""
    counts: dict[str, dict[str, Counts]] = {}
    for one in outcomes:
        for tool, is_alarm in said_by_tools(one.case).items():
            verdict = one.verdicts.get(tool)
            if verdict is None or verdict.state != DONE:
                continue
            row = counts.setdefault(tool, {"alarm": (0, 0), "none": (0, 0)})
            _count(row, "alarm" if is_alarm else "none", bool(verdict.named) == is_alarm)
    return counts


def said_by_tools(case: Case) -> dict[str, bool]:
    """Whether the tools themselves gave an alarm, as far as the case says so."""
    anchors = case.tree.get("anchors") or {}
    table = (anchors.get("DeepDiagnosis_table6") or {}).get("identified") or {}
    said = {name: value for name, value in table.items() if value is not None}
    said |= {name: True for name in ("AUTOTRAINER", "DeepDiagnosis") if name in anchors}
    if case.tree.get("origin", {}).get("github_label") == "normal":
        said["AUTOTRAINER"] = False
    names = {"AUTOTRAINER": "AutoTrainer"}
    return {names.get(name, name): bool(value) for name, value in said.items()}


def left_out(outcomes: Sequence[Outcome]) -> dict[str, list[str]]:
    """The cases that no tool saw, by the reason."""
    reasons: dict[str, list[str]] = {}
    for one in outcomes:
        if all(verdict.state != DONE for verdict in one.verdicts.values()):
            verdict = next(iter(one.verdicts.values()))
            reasons.setdefault(f"{verdict.state}: {verdict.reason}", []).append(one.case.id)
    return reasons
