"""Folder: what was seen of a watched loop, as a run's folder without a network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars

from descend.diagnosis.examination import Examination
from descend.errors import RunError
from descend.runs import files
from descend.runs.folder import WATCHED, free_place, is_watched, slug

try:
    import fcntl
except ImportError:  # Windows: nobody can tell whether a watch is still on
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Seen:
    """What a folder holds: facts for `run.json`, two tables and what was found."""

    facts: Mapping[str, Any]
    trace: polars.DataFrame
    metrics: polars.DataFrame
    examination: Examination


class WatchedFolder:
    """`run.json`, `trace.parquet`, `metrics.parquet` and `findings.json` of one watch.

    While it is open the folder itself is locked, so that a list can tell a watch that is on from
    one whose process was killed.
    """

    def __init__(self, root: Path | str, name: str) -> None:
        now = datetime.now().astimezone()
        self.created = now.isoformat(timespec="seconds")
        self.path = free_place(Path(root), f"{now:%Y-%m-%d_%H%M%S}_{slug(name)}")
        self._lock: int | None = None

    def write(self, seen: Seen) -> None:
        """Write or replace everything, `run.json` last; the folder is never there in parts."""
        if self.path.is_dir():
            _fill(self.path, seen, self.created)
            return
        with files.new_folder(self.path) as hidden:
            _fill(hidden, seen, self.created)
        self._hold()

    def close(self) -> None:
        """Let others know that nothing more will be written."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _hold(self) -> None:
        if fcntl is None:
            return
        self._lock = os.open(self.path, os.O_RDONLY)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # a file system without locks
            self.close()


def _fill(path: Path, seen: Seen, created: str) -> None:
    files.write_table(path / "trace.parquet", seen.trace)
    files.write_table(path / "metrics.parquet", seen.metrics)
    files.write_json(path / "findings.json", seen.examination.to_json())
    files.write_json(path / "run.json", {"kind": WATCHED, "created": created, **seen.facts})


def read_examination(path: Path | str) -> Examination:
    """What was found in a watched loop, from its folder; RunError where there is none."""
    if not is_watched(path):
        raise RunError(f"RUN must be the folder of a watched loop: {str(path)!r}")
    document = files.read_json(Path(path) / "findings.json")
    try:
        return Examination.from_json(document)
    except (KeyError, TypeError) as error:
        raise RunError(
            f"findings.json must be what descend wrote: {str(path)!r} ({error!r})"
        ) from None
