"""Table: what a person reads of the scores, false alarms first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from typing import Any

from .causes import without_cause, without_rule
from .score import Judged, counted, scored, summary

GOALS = {
    "false_alarms_healthy": ("≤", 0.02),
    "false_alarms_fixed": ("≤", 0.05),
    "detected": ("≥", 0.95),
    "cause_first": ("≥", 0.80),
    "cause_named": ("≥", 0.92),
    "layer_right": ("≥", 0.85),
    "cured": ("≥", 0.90),
    "proof_cost": ("≤", 10.0),
    "budget": ("≤", 0.10),
}
APART = ("weak", "probe", "silent", "unchecked")


def table(judged: Sequence[Judged]) -> str:
    """Everything, from the false alarms to what was left out."""
    parts = [
        _false_alarms(judged),
        _summary(judged),
        _misses(judged),
        _not_cured(judged),
        _by_cause(judged),
        _by_origin(judged),
        _apart(judged),
        _left_out(judged),
        _notes(judged),
        "causes without a rule: " + (", ".join(without_rule()) or "none"),
        "rules that name no cause: " + (", ".join(without_cause()) or "none"),
    ]
    return "\n\n".join(part for part in parts if part)


def _false_alarms(judged: Sequence[Judged]) -> str:
    wrong = [one for one in scored(judged, "negative") if one.is_detected]
    if not wrong:
        return "false alarms: none"
    lines = ["false alarms"]
    codes = counted(_word(named) for one in wrong for named in one.alarms)
    for code, count in codes.items():
        ids = [one.case.id for one in wrong if code in [_word(named) for named in one.alarms]]
        lines.append(f"  {code:34}{count:4}  {', '.join(dict.fromkeys(ids))}")
    return "\n".join(lines)


def _summary(judged: Sequence[Judged]) -> str:
    numbers = summary(judged)
    lines = ["summary"]
    for name, (sign, goal) in GOALS.items():
        lines.append(f"  {name:24}{_share(numbers[name]):>8}   goal {sign} {goal:g}")
    of = ", ".join(f"{count} {name}" for name, count in numbers["of"].items())
    states = ", ".join(f"{count} {state}" for state, count in numbers["states"].items())
    return "\n".join([*lines, f"  of {of}; {states}"])


def _misses(judged: Sequence[Judged]) -> str:
    missed = [one for one in scored(judged, "positive") if not one.is_cause_first]
    if not missed:
        return ""
    lines = ["cause not first: what is known, and what was found in its place"]
    for one in missed:
        how = "" if one.is_cause_named else "  not named" if one.is_detected else "  not detected"
        found = ", ".join(dict.fromkeys(_word(named) for named in one.alarms)) or one.verdict.state
        lines.append(f"  {one.case.id:34}{', '.join(one.case.causes)}  <-  {found}{how}")
    return "\n".join(lines)


def _not_cured(judged: Sequence[Judged]) -> str:
    cures = [(one, one.verdict.cure) for one in scored(judged, "positive") if one.verdict.cure]
    lines = []
    for one, cure in cures:
        if cure.twin is None:
            continue
        if not cure.is_cured:
            came = f"{_scores(cure.scores)}, its twin {_scores(cure.twin)}"
            lines.append(f"  {one.case.id:34}{came}  <-  {_edits(cure) or 'no cure'}")
    alone = sum(cure.twin is None and bool(cure.edits) for _, cure in cures)
    of = sum(cure.twin is None for _, cure in cures)
    if of:
        reasons = counted(cure.reason for _, cure in cures if cure.twin is None and cure.reason)
        said = "; ".join(f"{count} {reason}" for reason, count in reasons.items())
        lines.append(f"  without a twin to compare with: {of}, {alone} with a cure; {said}")
    return "\n".join(["not cured", *lines]) if lines else ""


def _scores(scores: Sequence[float]) -> str:
    return "/".join(f"{score:.2f}" for score in scores)


def _edits(cure: Any) -> str:
    edits = ", ".join(f"{field}={value}" for field, value in cure.edits.items())
    return edits if len(edits) < 100 else f"{edits[:97]}..."


def _by_cause(judged: Sequence[Judged]) -> str:
    positives = scored(judged, "positive")
    causes = sorted({cause for one in positives for cause in one.case.causes})
    lines = [_head("by cause")]
    for cause in causes:
        lines.append(_row(cause, [one for one in positives if cause in one.case.causes]))
    return "\n".join(lines)


def _by_origin(judged: Sequence[Judged]) -> str:
    lines = [_head("by origin") + f"{'negatives':>11}{'alarms':>8}"]
    for origin, ones in _grouped(judged, lambda one: one.case.origin):
        negatives = scored(ones, "negative")
        alarms = sum(one.is_detected for one in negatives)
        row = _row(origin, scored(ones, "positive"))
        lines.append(f"{row}{len(negatives):11}{alarms:8}")
    return "\n".join(lines)


def _apart(judged: Sequence[Judged]) -> str:
    lines = []
    for use, ones in _grouped(judged, lambda one: one.case.use):
        if use not in APART:
            continue
        done = [one for one in ones if one.verdict.state == "done"]
        found = sum(one.is_detected for one in done)
        named = sum(one.is_cause_named for one in done)
        lines.append(f"  {use}: {len(done)} diagnosed, {found} alarms, {named} causes named")
        lines += [f"    {one.case.id:32}{_words(one)}" for one in done if one.is_detected]
    return "\n".join(["not scored", *lines]) if lines else ""


def _left_out(judged: Sequence[Judged]) -> str:
    lines = []
    for state, ones in _grouped(judged, lambda one: one.verdict.state):
        if state == "done":
            continue
        lines.append(f"  {state} ({len(ones)})")
        for reason, same in _grouped(ones, lambda one: one.verdict.reason):
            lines.append(f"    {reason}: {', '.join(one.case.id for one in same)}")
    return "\n".join(["not diagnosed", *lines]) if lines else ""


def _notes(judged: Sequence[Judged]) -> str:
    notes = counted(note for one in judged for note in one.verdict.notes)
    lines = [f"  {count:4}  {note}" for note, count in notes.items()]
    return "\n".join(["approximated", *lines]) if lines else ""


def _head(title: str) -> str:
    return f"{title:28}{'cases':>7}{'detected':>10}{'first':>7}{'named':>7}{'layer':>7}"


def _row(title: str, ones: Sequence[Judged]) -> str:
    located = [one for one in ones if one.case.layers]
    detected = sum(one.is_detected for one in ones)
    first = sum(one.is_cause_first for one in ones)
    named = sum(one.is_cause_named for one in ones)
    layer = f"{sum(one.is_layer_right for one in located)}/{len(located)}" if located else ""
    return f"  {title:26}{len(ones):7}{detected:10}{first:7}{named:7}{layer:>7}"


def _grouped(
    judged: Iterable[Judged], key: Callable[[Judged], str]
) -> list[tuple[str, list[Judged]]]:
    return [(name, list(ones)) for name, ones in groupby(sorted(judged, key=key), key)]


def _words(one: Judged) -> str:
    return ", ".join(dict.fromkeys(_word(named) for named in one.alarms))


def _word(named: Any) -> str:
    return f"{named.code} {named.name}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
