"""How findings are shown on the terminal, and what they make of the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.cli.output import put, styled
from descend.cli.texts import columns

if TYPE_CHECKING:
    from descend.diagnosis.examination import Examination

FOUND = 2  # the exit code of a check or a diagnosis that has found something


def put_examination(examination: Examination) -> int:
    """Print what was found, or that nothing was; returns the exit code."""
    from descend.findings.lines import lines_of

    for finding in examination.findings:
        for line in lines_of(finding, columns(100), _bold):
            put(line)
        put()
    put(examination.summary)
    return 0 if examination.is_healthy else FOUND


def _bold(text: str, colour: str) -> str:
    return styled(text, fg=colour, bold=True)
