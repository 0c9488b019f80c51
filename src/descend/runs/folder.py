"""RunFolder: what is where in the folder of a run."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from torch import Tensor

from descend.data.preparation import Preparation
from descend.errors import RunError
from descend.recipe import Recipe
from descend.runs import files
from descend.runs.commands import command_for

try:
    import fcntl
except ImportError:  # Windows: two processes that resume one folder are not kept apart
    fcntl = None  # type: ignore[assignment]

WATCHED = "watched"
FACTS = ("status", "seeds", "device", "threads", "data")  # what no run.json is without


class InTraining(RunError):
    """Another process trains in the folder."""


class RunFolder:
    """`recipe.toml`, `run.json`, tables, weights, findings and, until the end, a checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls,
        root: Path | str,
        name: str,
        recipe: Recipe,
        facts: Mapping[str, Any],
        preparation: Preparation,
    ) -> RunFolder:
        """A new folder `<date>_<time>_<name>_<id>` below `root`, complete or not there at all."""
        root = Path(root)
        now = datetime.now().astimezone()
        path = free_place(root, f"{now:%Y-%m-%d_%H%M%S}_{slug(name)}")
        dated = {"created": now.isoformat(timespec="seconds"), **facts}
        return cls.create_at(path, recipe, dated, preparation)

    @classmethod
    def create_at(
        cls,
        path: Path,
        recipe: Recipe,
        facts: Mapping[str, Any],
        preparation: Preparation,
        state: Mapping[str, Tensor] | None = None,
    ) -> RunFolder:
        """A new folder, complete or not there at all; state: a checkpoint to begin from."""
        with files.new_folder(path) as hidden:
            folder = cls(hidden)
            files.write_text(folder.recipe, recipe.to_toml())
            files.write_text(folder.preparation, preparation.to_json() + "\n")
            if state is not None:
                folder.write_checkpoint(state)
            folder.write_facts(facts)
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """An existing folder of a run."""
        folder = cls(Path(path))
        if is_watched(folder.path):
            raise RunError(
                f"RUN must hold a network: {str(path)!r} is of a loop that was watched",
                hint=f"`{command_for('diagnose', path)}` prints what was found in it",
            )
        if (folder.path / "comparison.json").is_file():
            raise RunError(
                f"RUN must be the folder of a run: {str(path)!r} is one of a comparison",
                hint=f"its networks are runs, too: those of each stack lie in {path}/stacks",
            )
        if not folder.facts.is_file() or not folder.recipe.is_file():
            raise RunError(
                f"RUN must be the folder of a run, with recipe.toml and run.json: {str(path)!r}",
                hint="`descend runs` lists the runs below ./runs",
            )
        return folder

    recipe = property(lambda self: self.path / "recipe.toml")
    facts = property(lambda self: self.path / "run.json")
    preparation = property(lambda self: self.path / "preparation.json")
    metrics = property(lambda self: self.path / "metrics.parquet")
    trace = property(lambda self: self.path / "trace.parquet")
    pretraining = property(lambda self: self.path / "pretraining.parquet")
    weights = property(lambda self: self.path / "weights.safetensors")
    findings = property(lambda self: self.path / "findings.json")
    checkpoint = property(lambda self: self.path / "checkpoint" / "state.safetensors")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process trains in the folder meanwhile; a crash lifts the lock.

        What a process that was killed had only begun to write is removed.
        A KeyboardInterrupt leaves it with the way to go on as its message.
        """
        try:
            with locked(self.recipe, "RUN", self.path):
                files.remove_begun(self.path.rglob(f".*{files.TEMPORARY}"))
                yield
        except KeyboardInterrupt:
            where = "from the last checkpoint" if self.checkpoint.is_file() else "from the start"
            message = f"stopped at once; continue {where}: {command_for('resume', self.path)}"
            raise KeyboardInterrupt(message) from None

    def read_facts(self) -> dict[str, Any]:
        """What `run.json` says; RunError where it is not what descend wrote."""
        facts = files.read_json(self.facts)
        missing = [name for name in FACTS if not isinstance(facts, dict) or name not in facts]
        if missing:
            raise RunError(
                f"run.json must hold {', '.join(missing)}: {str(self.facts)!r} does not",
                hint="is this the folder of a run? `descend runs` lists them",
            )
        return dict(facts)

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Replace `run.json`."""
        files.write_json(self.facts, facts)

    def write_checkpoint(self, state: Mapping[str, Tensor]) -> None:
        """Replace the checkpoint."""
        try:
            self.checkpoint.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise files.unwritable(self.checkpoint, error) from None
        files.write_tensors(self.checkpoint, state)

    def read_checkpoint(self) -> dict[str, Tensor] | None:
        """The checkpoint, or None where a run was killed before its first."""
        return files.read_tensors(self.checkpoint) if self.checkpoint.is_file() else None

    def drop_checkpoint(self) -> None:
        """The run is over: nothing is left to continue."""
        shutil.rmtree(self.checkpoint.parent, ignore_errors=True)

    def remove(self) -> None:
        """Nothing came of the run."""
        shutil.rmtree(self.path, ignore_errors=True)


def is_watched(path: Path | str) -> bool:
    """Whether a folder is one that `descend.watch` made: of somebody else's loop, no network."""
    facts = Path(path) / "run.json"
    if not facts.is_file():
        return False
    known = files.read_json(facts)
    return isinstance(known, dict) and known.get("kind") == WATCHED


@contextmanager
def locked(recipe: Path, kind: str, path: Path) -> Iterator[None]:
    """Hold the lock of a folder: on its recipe.toml, because that alone is never replaced."""
    try:
        file = recipe.open("r+b")  # NFS locks what is open for writing
    except OSError as error:
        raise files.unwritable(recipe, error) from None
    with file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InTraining(
                    f"{kind} must not be in training already: {str(path)!r}",
                    hint="wait for the process that trains it, or stop that one",
                ) from None
            except OSError:
                pass  # a file system without locks
        yield


def free_place(root: Path, stem: str) -> Path:
    """A path below `root` that nothing has yet."""
    while True:
        path = root / f"{stem}_{secrets.token_hex(2)}"
        if not path.exists():
            return path


def slug(name: str) -> str:
    """A name as part of a folder's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())[:40].strip("-") or "run"
