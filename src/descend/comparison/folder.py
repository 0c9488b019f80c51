"""ComparisonFolder: what is where in the folder of a comparison."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from descend.errors import RunError
from descend.recipe import Recipe
from descend.runs import files
from descend.runs.commands import command_for
from descend.runs.folder import RunFolder, free_place, locked, slug

FACTS = ("status", "variants", "seeds", "goal", "rounds", "data")  # none is without


class ComparisonFolder:
    """`recipe.toml`, `comparison.json`, tables of results; in `stacks/` a run for each stack."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, root: Path | str, name: str, recipe: Recipe, facts: Mapping[str, Any]
    ) -> ComparisonFolder:
        """A new folder `<date>_<time>_<name>_<id>` below `root`, complete or not there at all."""
        now = datetime.now().astimezone()
        path = free_place(Path(root), f"{now:%Y-%m-%d_%H%M%S}_{slug(name)}")
        with files.new_folder(path) as hidden:
            folder = cls(hidden)
            folder.stacks.mkdir()
            files.write_text(folder.recipe, recipe.to_toml())
            folder.write_facts({"created": now.isoformat(timespec="seconds"), **facts})
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> ComparisonFolder:
        """An existing folder of a comparison."""
        folder = cls(Path(path))
        if not folder.facts.is_file():
            raise RunError(
                f"COMPARISON must be the folder of a comparison, with comparison.json: "
                f"{str(path)!r}",
                hint="`descend runs` lists runs and comparisons below ./runs",
            )
        return folder

    recipe = property(lambda self: self.path / "recipe.toml")
    facts = property(lambda self: self.path / "comparison.json")
    stacks = property(lambda self: self.path / "stacks")
    data = property(lambda self: self.path / "data.safetensors")
    results = property(lambda self: self.path / "results.parquet")
    summary = property(lambda self: self.path / "summary.parquet")

    def stack(self, name: str) -> RunFolder:
        """The run folder of the stack with that name, which may not be there yet."""
        return RunFolder(self.stacks / name)

    def has_stack(self, name: str) -> bool:
        """Whether that stack's folder has been made."""
        return bool(self.stack(name).facts.is_file())

    @contextmanager
    def locked(self) -> Iterator[None]:
        """No other process works on the comparison meanwhile; a crash lifts the lock.

        What a process that was killed has left to be thrown away is removed.
        """
        try:
            with locked(self.recipe, "COMPARISON", self.path):
                files.remove_begun([self.data, *self.path.glob(f".*{files.TEMPORARY}")])
                yield
        except KeyboardInterrupt:
            message = f"stopped at once; continue: {command_for('resume', self.path)}"
            raise KeyboardInterrupt(message) from None

    def tidy(self) -> None:
        """Remove what there was to go on from, and what killed processes had only begun."""
        for path in self.stacks.iterdir():
            RunFolder(path).drop_checkpoint()
            files.remove_begun(path.rglob(f".*{files.TEMPORARY}"))

    def read_facts(self) -> dict[str, Any]:
        """What `comparison.json` says; RunError where it is not what descend wrote."""
        facts = files.read_json(self.facts)
        missing = [name for name in FACTS if not isinstance(facts, dict) or name not in facts]
        if missing:
            raise RunError(
                f"comparison.json must hold {', '.join(missing)}: {str(self.facts)!r} does not",
                hint="is this the folder of a comparison? `descend runs` lists them",
            )
        return dict(facts)

    def write_facts(self, facts: Mapping[str, Any]) -> None:
        """Replace `comparison.json`."""
        files.write_json(self.facts, facts)


def is_comparison(path: Path | str) -> bool:
    """Whether a folder is that of a comparison."""
    return (Path(path) / "comparison.json").is_file()
