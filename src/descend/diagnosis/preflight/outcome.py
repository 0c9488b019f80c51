"""Outcome: what one check came to; Preflight: all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["passed", "failed", "not applicable"]


@dataclass(frozen=True)
class Outcome:
    """One check. name: its claim; sentence: what was seen; places: the layers at fault."""

    check: str
    name: str
    verdict: Verdict
    sentence: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    places: Sequence[str] = ()

    def to_json(self) -> dict[str, Any]:
        """This outcome as plain data."""
        return {
            "check": self.check,
            "name": self.name,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "numbers": dict(self.numbers),
            "places": list(self.places),
        }


@dataclass(frozen=True)
class Preflight:
    """The outcomes of all checks of `name`. seconds: the time they took."""

    name: str
    outcomes: Sequence[Outcome]
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Whether no check has failed."""
        return all(outcome.verdict != "failed" for outcome in self.outcomes)

    @property
    def failed(self) -> list[str]:
        """The checks that have failed."""
        return [outcome.check for outcome in self.outcomes if outcome.verdict == "failed"]

    def __getitem__(self, check: str) -> Outcome:
        return next(outcome for outcome in self.outcomes if outcome.check == check)

    def __repr__(self) -> str:
        failed = f"failed: {', '.join(self.failed)}" if self.failed else "none failed"
        return f"<Preflight of {self.name}: {len(self.outcomes)} checks, {failed}>"

    def __str__(self) -> str:
        return "\n".join(f"{one.verdict}: {one.name}: {one.sentence}" for one in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """The document that `preflight --json` prints."""
        return {
            "name": self.name,
            "passed": self.passed,
            "checks": [outcome.to_json() for outcome in self.outcomes],
            "seconds": self.seconds,
        }
