"""Rules: what a tool calls a symptom, when it speaks of one, and which causes that may mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median_low, mode

from .seen import Seen


@dataclass(frozen=True)
class Fired:
    """A rule spoke at a step. layer: from 1, where it names one; causes: that its advice means."""

    step: int
    layer: int | None = None
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Symptom:
    """A rule of a tool. says: the rule in one line; causes: whatever the word may fairly mean."""

    name: str
    says: str
    causes: tuple[str, ...]
    rule: Callable[[Seen], Fired | None]


@dataclass(frozen=True)
class Tool:
    """A published tool: its symptoms, in the order in which it reports what it sees at one time.

    needs: what it is made for; where this is missing it does not count.
    """

    name: str
    symptoms: Sequence[Symptom]
    is_for: Callable[[Seen], bool] = lambda seen: True
    needs: str = ""
    names_causes: bool = True
    names_layers: bool = True


@dataclass(frozen=True)
class Alarm:
    """A symptom that most networks of a case show. step, layer: of the middle one."""

    name: str
    step: int
    layer: int | None
    causes: tuple[str, ...]


def alarms(tool: Tool, networks: Sequence[Seen]) -> list[Alarm]:
    """What the tool reports of more than half of the networks, the first report first."""
    found = []
    for symptom in tool.symptoms:
        fired = [one for seen in networks if (one := symptom.rule(seen)) is not None]
        if len(fired) * 2 <= len(networks):
            continue
        layers = [one.layer for one in fired if one.layer is not None]
        causes = [*symptom.causes, *(cause for one in fired for cause in one.causes)]
        found.append(
            Alarm(
                symptom.name,
                median_low(one.step for one in fired),
                mode(layers) if layers else None,
                tuple(dict.fromkeys(causes)),
            )
        )
    return sorted(found, key=lambda alarm: alarm.step)  # stable: the tool's own order at one step
