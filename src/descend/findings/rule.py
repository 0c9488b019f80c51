"""Rule: a fault's code, its page, and the function that finds it in a record."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Literal

from descend.findings.finding import Finding, Margin, Severity
from descend.findings.in_code import in_code
from descend.findings.record import Record

Family = Literal["before", "while", "after"]  # a step is taken, it trains, it has trained
FAMILIES: dict[str, Family] = {"1": "before", "2": "while", "3": "after"}  # by a code's first digit

Found = Finding | Margin | Iterable[Finding] | None


@dataclass(frozen=True)
class Rule:
    """A fault that can be named.

    leads_to: codes of faults that may follow from this one, and are then listed below it.
    is_symptom: it says what happens but not why; any fault that does is its cause.
    is_forecast: it says what harm will come of what is there before a step; where a training has
    come to its end and done well in spite of it, that was wrong, and the finding is a note.
    is_dear: it compares examples with each other, which takes tenths of a second: every diagnosis
    does that, but not every training.
    """

    code: str
    name: str
    severity: Severity
    page: str
    leads_to: tuple[str, ...]
    look: Callable[[Record], Found]
    is_symptom: bool = False
    is_forecast: bool = False
    is_dear: bool = False

    @property
    def family(self) -> Family:
        return FAMILIES[self.code[1]]

    @property
    def title(self) -> str:
        """The first line of the page."""
        return self.page.partition("\n")[0]

    def findings(self, record: Record) -> tuple[list[Finding], Margin | None]:
        """What the rule finds, and its margin where it finds nothing.

        Raises NotMeasured where the record lacks what it looks at.
        """
        found = self.look(record)
        if found is None or isinstance(found, Margin):
            return [], found
        several = [found] if isinstance(found, Finding) else list(found)
        if record.known_loop is not None:
            several = [in_code(one) for one in several]
        return [
            replace(one, code=self.code, name=self.name, severity=one.severity or self.severity)
            for one in several
        ], None


def finding(
    code: str,
    severity: Severity = "warning",
    leads_to: Iterable[str] = (),
    *,
    is_symptom: bool = False,
    is_forecast: bool = False,
    is_dear: bool = False,
) -> Callable[[Callable[[Record], Found]], Rule]:
    """Make a rule of a function; its docstring is the fault's page, its name the fault's."""

    def made(look: Callable[[Record], Found]) -> Rule:
        name = look.__name__.replace("_", "-")
        page = inspect.getdoc(look) or ""
        kinds = is_symptom, is_forecast, is_dear
        return Rule(code, name, severity, page, tuple(leads_to), look, *kinds)

    return made


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule, by its code; each file of `before`, `during` and `after` holds one."""
    found = []
    for family in ("before", "during", "after"):
        for entry in sorted(entry.name for entry in (files("descend.findings") / family).iterdir()):
            if entry.endswith(".py") and not entry.startswith("_"):
                module = import_module(f"descend.findings.{family}.{entry.removesuffix('.py')}")
                found += [value for value in vars(module).values() if isinstance(value, Rule)]
    return tuple(sorted(found, key=lambda rule: rule.code))
