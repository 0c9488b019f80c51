"""Trial: what a finding's first remedy makes of the network, trained as long as it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

HELPS = 0.1  # of the way from chance to perfection


@dataclass(frozen=True)
class Trial:
    """The middle seed's score with the edits and without: 0 is chance, 1 perfection."""

    edits: Mapping[str, Any]
    as_it_is: float
    remedied: float

    @property
    def helps(self) -> bool:
        """Whether the remedy makes a difference that matters."""
        return self.remedied - self.as_it_is > HELPS

    def __str__(self) -> str:
        return f"{self.as_it_is:.2f} of what there is to learn, {self.remedied:.2f} with the remedy"
