"""Fixing: the cured recipe as TOML, with a comment for each edit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from descend.diagnosis.diagnosing import Diagnosis
from descend.recipe import Recipe
from descend.recipe.complaints import spelled

HEADER = "# {} by `descend diagnose --fix`: each edit says what was there before\n"


def fixed_toml(diagnosis: Diagnosis) -> str | None:
    """The recipe with its remedy, each edit with the findings that named it; None without one."""
    cure = diagnosis.remedy
    if diagnosis.proof is None or cure is None:
        return None
    named = {finding.code: finding.name for finding in diagnosis.findings}
    codes = " ".join(f"{code} {named.get(code, '')}".strip() for code in cure.codes)
    why = dict.fromkeys(cure.edits, codes or cure.why)
    did = "improved" if diagnosis.is_healthy else "cured"
    if diagnosis.proof.cure is None:
        did = "changed as a finding says, not proven,"
    return cured_toml(diagnosis.base, cure.edits, why, did)


def cured_toml(
    recipe: Recipe, edits: Mapping[str, Any], why: Mapping[str, str], did: str = "cured"
) -> str:
    """The recipe with its edits as TOML, readable again; why: a word on each edit by its field."""
    lines = recipe.edited(edits).to_toml().splitlines()
    for field, value in edits.items():
        note = f"was {_before(recipe, field)}"
        if why.get(field):
            note += f": {why[field]}"
        _annotate(lines, field, note, is_gone=value is None)
    return HEADER.format(did) + "\n".join(lines) + "\n"


def _before(recipe: Recipe, field: str) -> str:
    node: Any = recipe.tree()
    for name in field.split("."):
        if isinstance(node, list):
            node = node[int(name)] if int(name) < len(node) else None
        else:
            node = node.get(name) if isinstance(node, dict) else None
    return "left open" if node is None else spelled(node)


def _annotate(lines: list[str], field: str, note: str, is_gone: bool) -> None:
    """Put the note behind the field's line, before its table, or below the head of its section."""
    section, _, name = field.rpartition(".")
    heads = {line.strip("[]"): place for place, line in enumerate(lines) if line.startswith("[")}
    if field in heads:
        lines[heads[field]] += f"  # {note}"
        return
    start = heads.get(section, heads.get(section.partition(".")[0], -1))
    for place in range(start + 1, len(lines)):
        if lines[place].startswith("["):
            break
        if lines[place].partition(" = ")[0] == name and not lines[place].endswith(("[", "{")):
            lines[place] += f"  # {note}"
            return
    said = f"# {field}: {'left open, ' if is_gone else ''}{note}"
    lines.insert(start + 1, said)
