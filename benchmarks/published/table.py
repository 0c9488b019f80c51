"""Table: what a person reads of the published rules, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .rules import Tool

Summary = Mapping[str, Any]
OF_CAUSES, OF_LAYERS = ("cause_first", "cause_named"), ("layer_right",)
COLUMNS = {
    "false alarms, healthy": ("false_alarms_healthy", "healthy"),
    "false alarms, fixed": ("false_alarms_fixed", "fixed"),
    "detected": ("detected", "positive"),
    "cause first": ("cause_first", "positive"),
    "cause named": ("cause_named", "positive"),
    "layer right": ("layer_right", "with_layer"),
}


def by_tool(tools: Sequence[Tool], summaries: Mapping[str, tuple[Summary, Summary | None]]) -> str:
    """A row for each tool, followed by descend's on the same cases."""
    lines = _head(["tool", *COLUMNS, "share of the training"])
    for tool in tools:
        theirs, ours = summaries[tool.name]
        silent = () if tool.names_causes else OF_CAUSES
        silent = silent if tool.names_layers else (*silent, *OF_LAYERS)
        lines.append(_row([tool.name, *_counts(theirs, silent)]))
        if ours is not None:
            lines.append(_row(["descend, same cases", *_counts(ours)]))
    return "\n".join(lines)


def by_rule(
    tools: Sequence[Tool], rows: Mapping[tuple[str, str], Mapping[str, tuple[int, int]]]
) -> str:
    """A row for each rule: where it fires, and how often that is for a right cause."""
    head = ["tool", "symptom", "rule", "faulty", "of these a right cause", "fixed", "healthy"]
    lines, shown = _head(head), []
    for tool in tools:
        for symptom in tool.symptoms:
            row = rows.get((tool.name, symptom.name))
            if row is None or symptom in shown:
                continue
            shown.append(symptom)
            right = _of(row["right"]) if tool.names_causes else "-"
            counts = [_of(row["faulty"]), right, _of(row["fixed"]), _of(row["healthy"])]
            lines.append(_row([tool.name, symptom.name, symptom.says.replace("|", "\\|"), *counts]))
    return "\n".join(lines)


def agreements(counts: Mapping[str, Mapping[str, tuple[int, int]]]) -> str:
    """For each tool how often the rules as stated say what the tool itself said."""
    lines = _head(["tool", "alarm as its own", "none as its own"])
    lines += [_row([name, _of(row["alarm"]), _of(row["none"])]) for name, row in counts.items()]
    return "\n".join(lines)


def causes_of(tools: Sequence[Tool]) -> str:
    """What each symptom is taken for."""
    lines, shown = _head(["tool", "symptom", "causes"]), []
    for tool in tools:
        for symptom in tool.symptoms if tool.names_causes else ():
            if symptom in shown:
                continue
            shown.append(symptom)
            causes = ", ".join(f"`{cause}`" for cause in symptom.causes)
            lines.append(_row([tool.name, symptom.name, causes]))
    return "\n".join(lines)


def not_trained(reasons: Mapping[str, Sequence[str]]) -> str:
    """The cases that no tool saw."""
    lines = [f"- {reason}: {', '.join(ids)}" for reason, ids in sorted(reasons.items())]
    return "\n".join(["Not trained:", "", *(lines or ["- none"])])


def _counts(summary: Summary, silent: Sequence[str] = ()) -> list[str]:
    counts = []
    for name, of in COLUMNS.values():
        share, total = summary[name], summary["of"][of]
        is_known = share is not None and name not in silent
        counts.append(_of((round(share * total), total)) if is_known else "-")
    budget = summary["budget"]
    return [*counts, "-" if budget is None else f"{budget:.3f}"]


def _of(row: tuple[int, int]) -> str:
    return f"{row[0]} of {row[1]}"


def _head(names: Sequence[str]) -> list[str]:
    return [_row(names), _row(["---"] * len(names))]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
