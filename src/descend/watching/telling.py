"""Telling: what a watch says on stderr: each finding once, and in the end all of them."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable

from descend.diagnosis.examination import Examination
from descend.findings.finding import Finding
from descend.findings.lines import WIDTH, evidence_of, lines_of
from descend.findings.rule import rules

COLOURS = {"red": 31, "yellow": 33, "cyan": 36}


class Telling:
    """Says what was found, unless nobody wants to hear it."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet
        self._told: set[str] = set()

    def tell(self, step: int, findings: Iterable[Finding]) -> None:
        """Each finding graver than a note, when it is named for the first time.

        A forecast of which nothing has come so far is told as one: the network may learn yet.
        """
        for finding in findings:
            if finding.code not in self._told and finding.severity != "note":
                self._told.add(finding.code)
                name = f"{finding.name} (forecast)" if _is_open(finding) else finding.name
                words = f"{finding.code} {name}   {evidence_of(finding)}; {finding.cause}"
                self.say(f"step {step:,}: {words}")

    def sum_up(self, examination: Examination) -> None:
        """All findings, as `descend diagnose` shows them."""
        width, style = min(shutil.get_terminal_size().columns, WIDTH), _style()
        for finding in examination.findings:
            for line in lines_of(finding, width, style):
                self.say(line)
            self.say("")
        self.say(examination.summary)

    def say(self, text: str) -> None:
        """A line on stderr; a reader that has left is no reason to stop a training."""
        if self.quiet or sys.stderr is None:
            return
        try:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):
            self.quiet = True


def _is_open(finding: Finding) -> bool:
    """Whether all that was named is a forecast."""
    forecasts = {rule.code for rule in rules() if rule.is_forecast}
    return forecasts.issuperset(one.code for one in (finding, *finding.consequences))


def _style() -> Callable[[str, str], str]:
    is_plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    if is_plain or sys.stderr is None or not sys.stderr.isatty():
        return lambda text, colour: text
    return lambda text, colour: f"\x1b[1;{COLOURS[colour]}m{text}\x1b[0m"
