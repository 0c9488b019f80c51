"""Listing: the runs below a folder, read without torch; a broken one is listed as such."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

from descend.errors import RunError

try:
    import fcntl
except ImportError:  # Windows has no such locks
    fcntl = None  # type: ignore[assignment]

# The first of these that a run has is the number that a list shows of it.
MAIN_METRICS = tuple(
    f"{split}/{metric}"
    for metric in ("accuracy", "rmse", "loss")
    for split in ("test", "validation", "train")
)


FACTS = ("run.json", "comparison.json")


@dataclass(frozen=True)
class Listed:
    """What a list shows of a run.

    epochs: of a run that is not over those that its checkpoint holds; None where it has none yet.
    status: that of run.json; "unfinished" where no process trains it any more; "broken", with a
    reason, where a part of it is missing.
    metric, value: the main metric and its mean over the networks that did not diverge.
    variants: of a comparison, whose metric is what decides and whose value is that of the best.
    """

    folder: Path
    status: str
    name: str = ""
    seeds: tuple[int, ...] = ()
    epochs: int | None = None
    metric: str | None = None
    value: float | None = None
    created: datetime | None = None
    seconds: float | None = None
    reason: str | None = None
    variants: int | None = None

    def to_json(self) -> dict[str, Any]:
        """These facts as plain data."""
        facts = {**vars(self), "folder": str(self.folder), "seeds": list(self.seeds)}
        facts["created"] = None if self.created is None else self.created.isoformat()
        return facts


def list_runs(root: Path | str) -> list[Listed]:
    """The runs and comparisons directly below `root`, newest first; `root` itself if it is one."""
    root = Path(root)
    try:
        if any((root / name).is_file() for name in FACTS):
            return [read_listed(root)]
        folders = [path for path in root.iterdir() if path.is_dir() and _is_run(path)]
    except OSError as error:
        raise RunError(
            f"DIR must be a folder of runs: {str(root)!r} ({error.strerror})",
            hint="runs lie where --out of `descend train` put them, ./runs if it was not given",
        ) from None
    return sorted((read_listed(path) for path in folders), key=_age, reverse=True)


def read_listed(folder: Path) -> Listed:
    """One run, or that it is broken and why."""
    name, listed = FACTS[0], _listed
    if (folder / FACTS[1]).exists():
        name, listed = FACTS[1], _listed_comparison
    try:
        facts = json.loads((folder / name).read_text(encoding="utf-8"))
        if facts.get("kind") == "watched":
            listed = _listed_watched
        return listed(folder, facts)
    except OSError as error:
        return Listed(folder, "broken", reason=f"{name}: {error.strerror}")
    except (ValueError, TypeError, KeyError, AttributeError):
        return Listed(folder, "broken", reason=f"{name} is not what descend wrote")


def _is_run(folder: Path) -> bool:
    """Whether a folder was meant to be a run; a hidden one is just being made."""
    if folder.name.startswith("."):
        return False
    return any((folder / name).exists() for name in (*FACTS, "recipe.toml"))


def _listed(folder: Path, facts: Mapping[str, Any]) -> Listed:
    results = [result for result in facts.get("runs", ()) if result["status"] != "diverged"]
    means = {
        name: fmean(values)
        for name in MAIN_METRICS
        if (values := [r["metrics"][name] for r in results if r["metrics"].get(name) is not None])
    }
    metric = next(iter(means), None)
    status = _status(folder, facts)
    missing = [
        name for name in ("recipe.toml", "preparation.json") if not (folder / name).is_file()
    ]
    if status in ("finished", "diverged") and not (folder / "weights.safetensors").is_file():
        missing.append("weights.safetensors")
    epochs = max((int(result["epochs"]) for result in facts.get("runs", ())), default=None)
    return Listed(
        folder=folder,
        status="broken" if missing else status,
        name=str(facts["name"]),
        seeds=tuple(int(seed) for seed in facts["seeds"]),
        epochs=_epochs_so_far(folder) if epochs is None else epochs,
        metric=metric,
        value=None if metric is None else means[metric],
        created=datetime.fromisoformat(facts["created"]).astimezone(),
        seconds=facts.get("seconds"),
        reason=f"without {', '.join(missing)}" if missing else None,
    )


def _listed_comparison(folder: Path, facts: Mapping[str, Any]) -> Listed:
    result = facts.get("result") or {}
    best = next(
        (one for one in result.get("variants", ()) if one["name"] == result.get("best")), None
    )
    return Listed(
        folder=folder,
        status=_status(folder, facts),
        name=str(facts["name"]),
        seeds=tuple(int(seed) for seed in facts["seeds"]),
        metric=str(facts["goal"]["metric"]),
        value=None if best is None else best["summary"]["mean"],
        created=datetime.fromisoformat(facts["created"]).astimezone(),
        seconds=facts.get("seconds"),
        variants=len(facts["variants"]),
    )


def _listed_watched(folder: Path, facts: Mapping[str, Any]) -> Listed:
    value = facts["metrics"].get("train/loss")
    return Listed(
        folder=folder,
        status=_status(folder, facts),
        name=str(facts["name"]),
        metric=None if value is None else "train/loss",
        value=value,
        created=datetime.fromisoformat(facts["created"]).astimezone(),
        seconds=facts["seconds"],
    )


def _status(folder: Path, facts: Mapping[str, Any]) -> str:
    status = str(facts["status"])
    return "unfinished" if status == "running" and not _is_in_training(folder) else status


def _epochs_so_far(folder: Path) -> int | None:
    """The epochs that were done when the checkpoint was written."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(folder / "checkpoint" / "state.safetensors", framework="numpy") as state:
            return int(state.get_tensor("history/lengths").max())
    except (OSError, SafetensorError):
        return None


def _is_in_training(folder: Path) -> bool:
    """Whether a process holds the lock that `RunFolder.locked` takes, or that of a watch."""
    if fcntl is None:
        return False
    recipe = folder / "recipe.toml"
    try:
        file = os.open(recipe if recipe.exists() else folder, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(file)
    return False


def _age(run: Listed) -> tuple[float, str]:
    return (run.created.timestamp() if run.created else 0.0), run.folder.name
