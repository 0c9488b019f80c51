"""Run: a training that is over, in memory or read back from its folder."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
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
from descend.runs.commands import command_for
from descend.runs.folder import RunFolder
from descend.runs.predictions import Predictions, predict
from descend.runs.session import Session
from descend.runs.weights import alone, load_weights
from descend.training.evaluation import score_split

if TYPE_CHECKING:
    import polars

    Table = Callable[[], polars.DataFrame]


@dataclass(frozen=True, eq=False)
class Run:
    """One or more networks of one recipe, trained side by side; they differ in their seeds.

    folder: where it lies, or None; status: "finished", "interrupted" or "diverged";
    results: each network's seed, status, epochs and final metrics; seconds: the time it took;
    recipe: with every choice made; data: what `run.json` says of the examples;
    was_asked_to_stop: by Ctrl-C, be it in its last steps, which it could still finish.
    examination: what was found and which checks looked, as in `findings.json`; None where nobody
    looked: of more than a hundred networks, of a comparison's, of what was interrupted.
    """

    folder: Path | None
    recipe: Recipe
    status: str
    results: list[dict[str, Any]]
    seconds: float
    data: Mapping[str, Any]
    preparation: Preparation
    stack: Stack
    make_history: Table = field(repr=False)
    make_trace: Table = field(repr=False)
    was_asked_to_stop: bool = False
    examination: Mapping[str, Any] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        count = f"{len(self.results)} networks, the first: " if len(self.results) > 1 else ""
        metrics = ", ".join(f"{name} {value:.4g}" for name, value in self.metrics.items())
        place = "in memory" if self.folder is None else str(self.folder)
        return f"<Run of {self.recipe.data.source}, {self.status}: {count}{metrics}; {place}>"

    @cached_property
    def history_table(self) -> polars.DataFrame:
        """One row for each network (column `run`) and epoch."""
        return self.make_history()

    @cached_property
    def trace(self) -> polars.DataFrame:
        """One row for each network, sampled step, layer and quantity; layer 0 is the network."""
        return self.make_trace()

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
        """What was found before the first step, meanwhile and at the end, causes first."""
        return [] if self.examination is None else list(self.examination["findings"])

    @property
    def seeds(self) -> list[int]:
        """The seed of each network."""
        return [result["seed"] for result in self.results]

    def predict(self, x: Any, *, run: int = 0) -> Predictions:
        """What network `run` says about raw inputs x (examples, features), or about one example."""
        raw = inputs_from_arrays(x, self.preparation).to(self.stack.theta.device)
        return predict(self._alone(run), self.recipe, self.preparation, raw)

    def evaluate(self, x: Any, y: Any = None, *, run: int = 0) -> dict[str, float]:
        """Loss and metrics of network `run` on raw examples, scaled as in training."""
        split = x if isinstance(x, Split) else split_from_arrays(x, y, self.preparation)
        split = split.to(self.stack.theta.device)
        scores = score_split(self._alone(run), self.recipe, self.preparation, split)
        return {name: float(values) for name, values in scores.items()}

    def to_torch(self, *, run: int = 0) -> nn.Sequential:
        """Network `run` as plain torch modules; they take prepared inputs and give its outputs."""
        return to_sequential(self._alone(run), 0)

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

    def _alone(self, run: int) -> Stack:
        if not 0 <= run < len(self.results):
            raise RunError(f"`run` must be from 0 to {len(self.results) - 1}: {run}")
        return alone(self.stack, run)

    @classmethod
    def of(cls, session: Session, status: str, data: Mapping[str, Any]) -> Run:
        """The run of a session that has just ended."""
        training = session.training
        return cls(
            folder=None if session.folder is None else session.folder.path,
            recipe=training.recipe,
            status=status,
            results=session.results,
            seconds=session.seconds,
            data=data,
            preparation=training.examples.preparation,
            stack=session.stack,
            make_history=training.history.frame,
            make_trace=training.trace.frame,
            was_asked_to_stop=session.is_asked_to_stop,
            examination=session.examination,
        )

    @classmethod
    def read(cls, path: Path | str) -> Run:
        """The finished run of a folder; RunError where there is none."""
        folder = RunFolder.open(path)
        facts = folder.read_facts()
        if "runs" in facts and not folder.weights.is_file():
            raise RunError(
                f"RUN must hold its weights: {str(path)!r} is without {folder.weights.name}",
                hint="restore the file, or train anew",
            )
        if "runs" not in facts:
            raise RunError(
                f"RUN must be finished: {str(path)!r} is {facts.get('status', 'unknown')}",
                hint=f"`{command_for('resume', path)}` finishes it",
            )
        recipe = Recipe.read(folder.recipe)
        preparation = Preparation.from_json(folder.preparation.read_text(encoding="utf-8"))
        results = [_with_nan(result) for result in facts["runs"]]
        architecture = architecture_of(recipe, preparation.features)
        stack = Stack(
            [architecture] * len(results),
            [result["seed"] for result in results],
            dtype=getattr(torch, recipe.training.dtype),
        )
        load_weights(stack, files.read_tensors(folder.weights))
        return cls(
            folder=folder.path,
            recipe=recipe,
            status=facts["status"],
            results=results,
            seconds=facts["seconds"],
            data=facts["data"],
            preparation=preparation,
            stack=stack,
            make_history=partial(files.read_table, folder.metrics),
            make_trace=partial(files.read_table, folder.trace),
            examination=files.read_json(folder.findings) if folder.findings.is_file() else None,
        )


def _with_nan(result: Mapping[str, Any]) -> dict[str, Any]:
    """A network's results with the metrics that JSON cannot hold as NaN again."""
    metrics = result["metrics"].items()
    return {**result, "metrics": {name: math.nan if v is None else v for name, v in metrics}}
