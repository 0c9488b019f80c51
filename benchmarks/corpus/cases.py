"""Case: one network's training with what is known to be wrong with it, read from a JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Case:
    """What a file says; layers are counted from 0 in the file's own list."""

    tree: Mapping[str, Any]

    @property
    def id(self) -> str:
        name: str = self.tree["id"]
        return name

    @property
    def role(self) -> str:
        """faulty, fixed, healthy or disputed."""
        role: str = self.tree["role"]
        return role

    @property
    def use(self) -> str:
        """positive, negative, weak, probe, silent or unchecked."""
        use: str = self.tree.get("usable_as", "unchecked")
        return use

    @property
    def origin(self) -> str:
        return str(self.tree.get("origin", {}).get("benchmark", "unknown"))

    @property
    def is_duplicate(self) -> bool:
        return "duplicate_of" in self.tree

    @property
    def is_twin(self) -> bool:
        """Whether it is a faulty one mended, be it disputed whether well enough."""
        return self.role == "fixed" or "fix_of" in self.tree

    @property
    def has_loop(self) -> bool:
        """Whether the fault, or its absence, is in a loop of its own, which no recipe has."""
        return "loop" in self.tree

    @property
    def causes(self) -> tuple[str, ...]:
        """The known faults, each once."""
        return tuple(dict.fromkeys(fault["cause"] for fault in self.tree["known_faults"]))

    @property
    def right_causes(self) -> frozenset[str]:
        """What a diagnosis may name without being wrong."""
        return frozenset(self.causes) | frozenset(self.tree.get("also_acceptable") or ())

    @property
    def layers(self) -> frozenset[int]:
        """Where known faults sit, as far as this is known."""
        places = (fault.get("layer") for fault in self.tree["known_faults"])
        return frozenset(place for place in places if place is not None)

    @property
    def family(self) -> str:
        """What cases with a common origin share: they must not be on both sides of a split."""
        origin = self.tree.get("origin", {})
        return str(origin.get("post") or self.tree.get("group") or self.tree.get("fix_of", self.id))

    @property
    def half(self) -> str:
        """A or B: always the same for a family, wherever and however often it is asked."""
        return "AB"[sha256(self.family.encode()).digest()[0] % 2]


def read(folder: Path) -> list[Case]:
    """The cases of a folder, by name; other JSON files are passed over."""
    trees = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    is_case = [isinstance(tree, dict) and "known_faults" in tree for tree in trees]
    return [Case(tree) for tree, really in zip(trees, is_case, strict=True) if really]


def twins(cases: Sequence[Case]) -> dict[str, Case]:
    """By the name of each faulty case the one in which it was mended."""
    return {case.tree["fix_of"]: case for case in cases if "fix_of" in case.tree}


def chosen(
    cases: Sequence[Case],
    only: str | None = None,
    origin: str | None = None,
    half: str | None = None,
) -> list[Case]:
    """The cases whose name, origin and half are as asked."""
    return [
        case
        for case in cases
        if (only is None or fnmatchcase(case.id, only))
        and (origin is None or case.origin.lower() == origin.lower())
        and (half is None or case.half == half)
    ]
