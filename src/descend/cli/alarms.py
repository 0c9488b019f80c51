"""Alarms: findings that hurt, a line each, with the way to the whole of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from descend.cli.output import put, say
from descend.cli.texts import columns
from descend.runs.commands import command_for

if TYPE_CHECKING:
    from descend.diagnosis.examination import Examination
    from descend.runs.run import Run

WIDEST = 100  # columns
WHOLE = "why, and what cures it"


def warn(examination: Examination, diagnosis: Sequence[str], quiet: bool) -> None:
    """Say what is wrong before the first step; diagnosis: the command that says it all."""
    alarms = [alarm(one) for one in grave(examination.to_json()["findings"])]
    for line in alarms:
        say(line, quiet)
    if alarms:
        say(f"{WHOLE}: {shlex.join(diagnosis)}", quiet)


def put_alarms(run: Run) -> None:
    """Print what was found in a run that has ended."""
    alarms = [alarm(one) for one in grave(run.findings)]
    looked_at, of = run.examination["seeds"] if run.examination else 0, len(run.results)
    if alarms and looked_at < of:
        put(f"found in the first {looked_at} networks:")
    for line in alarms:
        put(line)
    if alarms and run.folder is not None:
        put(f"{WHOLE}: {command_for('diagnose', run.folder)}")


def put_alarms_of(runs: Mapping[str, Run]) -> None:
    """Print what was found in the variants of a lab, each below its name."""
    found = {name: grave(run.findings) for name, run in runs.items()}
    for name, findings in found.items():
        if findings and len(runs) > 1:
            put(f"found in {name}:")
        for one in findings:
            put(alarm(one, "  " if len(runs) > 1 else ""))
    if any(found.values()):
        put(f"{WHOLE}: descend diagnose RUN")


def grave(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Those that are no mere notes."""
    return [one for one in findings if one["severity"] != "note"]


def alarm(finding: Mapping[str, Any], indent: str = "") -> str:
    """A finding as a line that no terminal breaks."""
    line = indent + " · ".join(_parts(finding))
    room = columns(WIDEST)
    return line if len(line) <= room else f"{line[: room - 1]}…"


def _parts(finding: Mapping[str, Any]) -> Iterator[str]:
    yield f"{finding['severity']} {finding['code']} {finding['name']}"
    if finding["place"]:
        yield finding["place"]
    if finding["since"]:
        yield f"since step {finding['since']:,}"
    yield finding["evidence"]
