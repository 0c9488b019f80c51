"""Finding: a fault that was named, with its place, its evidence, its cause and its remedies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # the gravest first


@dataclass(frozen=True)
class Place:
    """Where a fault sits: one of `of` layers (from 1, the output last), or a feature, a label.

    name: of the module, in somebody else's network.
    """

    kind: str
    number: int | None = None
    of: int | None = None
    name: str = ""

    def __str__(self) -> str:
        if self.number is None:
            return self.kind
        name = f" ({self.name})" if self.name else ""
        return f"{self.kind} {self.number}" + (f" of {self.of}" if self.of else "") + name


@dataclass(frozen=True)
class Remedy:
    """Edits of the recipe that should cure, and what they do, in a few words.

    write: what to write in a loop of one's own, which no recipe has.
    """

    edits: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""
    write: str = ""

    def to_json(self) -> dict[str, Any]:
        return {"edits": dict(self.edits), "why": self.why, "write": self.write}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Remedy:
        """The remedy that `to_json` returned."""
        return cls(document["edits"], document["why"], document["write"])


def edit(field_name: str, value: Any, why: str = "") -> Remedy:
    """The remedy that changes one field of the recipe."""
    return Remedy({field_name: value}, why)


def write(words: str, why: str = "") -> Remedy:
    """The remedy that is a change of somebody's code."""
    return Remedy(why=why, write=words)


@dataclass(frozen=True)
class Finding:
    """One fault. What a rule leaves out is filled in by `descend.findings.rule.finding`.

    evidence: what was measured, in words; numbers: the same by name; healthy: what would be no
    fault; cause: one sentence; since: the step at which it began; confidence: from 0 to 1;
    severity: that of the rule if absent; consequences: findings that follow from this one; about:
    the field of the recipe that cannot be as it is: it then follows from a cause about it alone.
    """

    evidence: str
    cause: str
    healthy: str = ""
    remedies: Sequence[Remedy] = ()
    place: Place | None = None
    since: int | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)
    confidence: float = 1.0
    code: str = ""
    name: str = ""
    severity: Severity | None = None
    consequences: tuple[Finding, ...] = ()
    about: str | None = None

    def __repr__(self) -> str:
        place = f" in {self.place}" if self.place else ""
        return f"<Finding {self.code} {self.name}{place}: {self.evidence}>"

    def with_consequences(self, findings: Sequence[Finding]) -> Finding:
        """This finding with those that follow from it listed below it."""
        return replace(self, consequences=(*self.consequences, *findings))

    def to_json(self) -> dict[str, Any]:
        """This finding as plain data."""
        return {
            "code": self.code,
            "name": self.name,
            "severity": self.severity,
            "confidence": self.confidence,
            "place": None if self.place is None else str(self.place),
            "about": self.about,
            "since": self.since,
            "evidence": self.evidence,
            "numbers": dict(self.numbers),
            "healthy": self.healthy,
            "cause": self.cause,
            "remedies": [remedy.to_json() for remedy in self.remedies],
            "consequences": [one.to_json() for one in self.consequences],
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Finding:
        """The finding that `to_json` returned, its place in words."""
        place = document["place"]
        return cls(
            **{
                **document,
                "place": None if place is None else Place(place),
                "remedies": [Remedy.from_json(one) for one in document["remedies"]],
                "consequences": tuple(cls.from_json(one) for one in document["consequences"]),
            }
        )


@dataclass(frozen=True)
class Margin:
    """That nothing was found, and by how much: the value beside the limit that it keeps."""

    what: str
    value: float
    limit: float

    def to_json(self) -> dict[str, Any]:
        return {"what": self.what, "value": self.value, "limit": self.limit}
