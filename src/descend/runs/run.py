"""Run: a training that is over, in memory or read back from its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from descend.data.arrays import inputs_from_arrays, split_from_arrays
from descend.data.examples import Split
from descend.data.preparation import Preparation
from descend.errors import RunError
from descend.network.architecture import architecture_of
from descend.network.stack import Stack
from descend.network.torch_modules import to_sequential
from descend.recipe import Recipe
from descend.runs import files
from descend.runs.folder import RunFolder
from descend.runs.predictions import Predictions, predict
from descend.runs.session import Session, results_of
from descend.runs.weights import load_weights
from descend.training.evaluation import score_split

if TYPE_CHECKING:
    import polars

    from descend.training.training import Training


@dataclass(frozen=True, eq=False)
class Run:
    """One or more networks of one recipe, trained side by side; they differ in their seeds.

    folder: where it lies, or None; status: "finished", "interrupted" or "diverged";
    results: each network's seed, status, epochs and final metrics; seconds: the time it took;
    recipe: with every choice made; history_table, trace: polars data frames with a column `run`.
    """

    folder: Path | None
    recipe: Recipe
    status: str
    results: list[dict[str, Any]]
    seconds: float
    history_table: polars.DataFrame
    trace: polars.DataFrame
    preparation: Preparation
    stack: Stack

    @property
    def metrics(self) -> dict[str, float]:
        """The final metrics of the first network: {"test/accuracy": …, …}."""
        metrics: dict[str, float] = self.results[0]["metrics"]
        return metrics

    @property
    def history(self) -> list[dict[str, Any]]:
        """The epochs of the first network: {"epoch": 1, "train/loss": …, "test/loss": …, …}."""
        import polars

        return self.history_table.filter(polars.col("run") == 0).drop("run").to_dicts()

    @property
    def findings(self) -> list[dict[str, Any]]:
        """What was found wrong; nothing looks for it yet."""
        return []

    @property
    def seeds(self) -> list[int]:
        """The seed of each network."""
        return [result["seed"] for result in self.results]

    def predict(self, x: Any, *, run: int = 0) -> Predictions:
        """What network `run` says about raw inputs x (examples, features), or about one example."""
        raw = inputs_from_arrays(x, self.preparation)
        return predict(self.stack, self._place(run), self.recipe, self.preparation, raw)

    def evaluate(self, x: Any, y: Any = None, *, run: int = 0) -> dict[str, float]:
        """Loss and metrics of network `run` on raw examples, scaled as in training."""
        split = x if isinstance(x, Split) else split_from_arrays(x, y, self.preparation)
        scores = score_split(self.stack, self.recipe, self.preparation, split)
        place = self._place(run)
        return {name: float(values[place]) for name, values in scores.items()}

    def to_torch(self, *, run: int = 0) -> nn.Sequential:
        """Network `run` as plain torch modules; they take prepared inputs and give its outputs."""
        return to_sequential(self.stack, self._place(run))

    def to_json(self) -> dict[str, Any]:
        """The document that `train --json` prints."""
        document = {
            "run": None if self.folder is None else str(self.folder),
            "status": self.status,
            "metrics": self.metrics,
            "history": self.history,
            "findings": self.findings,
            "seconds": self.seconds,
        }
        return document if len(self.results) == 1 else {**document, "runs": self.results}

    def _place(self, run: int) -> int:
        if not 0 <= run < len(self.results):
            raise RunError(f"`run` must be from 0 to {len(self.results) - 1}: {run}")
        return run

    @classmethod
    def of(cls, training: Training, session: Session, status: str) -> Run:
        """The run of a training that has just ended."""
        return cls(
            folder=None if session.folder is None else session.folder.path,
            recipe=training.recipe,
            status=status,
            results=results_of(training),
            seconds=session.seconds,
            history_table=training.history.frame(),
            trace=training.trace.frame(),
            preparation=training.examples.preparation,
            stack=training.whole_stack(),
        )

    @classmethod
    def read(cls, path: Path | str) -> Run:
        """The finished run of a folder; RunError where there is none."""
        import polars

        folder = RunFolder.open(path)
        facts = folder.read_facts()
        if not folder.weights.is_file() or "runs" not in facts:
            raise RunError(
                f"RUN must be finished: {str(path)!r} is {facts.get('status', 'unknown')}",
                hint=f"`descend resume {path}` finishes it",
            )
        recipe = Recipe.read(folder.recipe)
        preparation = Preparation.from_json(folder.preparation.read_text(encoding="utf-8"))
        seeds = [result["seed"] for result in facts["runs"]]
        recipes = [recipe.edited({"training.seed": seed}) for seed in seeds]
        stack = Stack(
            [architecture_of(each, preparation.features) for each in recipes],
            seeds,
            dtype=getattr(torch, recipe.training.dtype),
        )
        load_weights(stack, files.read_tensors(folder.weights))
        return cls(
            folder=folder.path,
            recipe=recipe,
            status=facts["status"],
            results=facts["runs"],
            seconds=facts["seconds"],
            history_table=polars.read_parquet(folder.metrics),
            trace=polars.read_parquet(folder.trace),
            preparation=preparation,
            stack=stack,
        )
