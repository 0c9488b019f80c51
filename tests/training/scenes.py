"""Small trainings to look at, and watchers that stop and save them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from descend.data.examples import Examples
from descend.intake import complete_with_examples
from descend.recipe import Recipe
from descend.training.training import Progress, Training

SOURCES = {
    "regression": "sine",
    "binary": "moons",
    "multiclass": "blobs",
    "multilabel": "multilabel",
    "autoencoder": "digits",
    "pixels": "shapes",
}


def tree_of(task: str = "multiclass", **training: Any) -> dict[str, Any]:
    """A small experiment in float64, by which runs can be compared to the last digits."""
    sized = {"examples": 60} if SOURCES[task] != "digits" else {"limit": 60, "target": "inputs"}
    return {
        "data": {"source": SOURCES[task], "validation": 0.2, "test": 0.2, **sized},
        "network": {"hidden": [6, 5], "activation": "tanh"},
        "training": {"dtype": "float64", "batch_size": 8, "epochs": 4, "evaluate": [], **training},
    }


def completed(tree: dict[str, Any], data: Any = None) -> tuple[Recipe, Examples]:
    """The recipe with every choice made, and its examples."""
    return complete_with_examples(Recipe.of(tree), data)


def training_of(
    tree: dict[str, Any],
    seeds: Sequence[int] = (0,),
    edits: Sequence[dict[str, Any]] | None = None,
    data: Any = None,
) -> Training:
    """A new training with one run for each seed; edits: of each run."""
    recipe, examples = completed(tree, data)
    each = [recipe.edited({"training.seed": seed}) for seed in seeds]
    if edits is not None:
        each = [one.edited(edit) for one, edit in zip(each, edits, strict=True)]
    return Training(each, examples)


def trained(tree: dict[str, Any], seeds: Sequence[int] = (0,), **options: Any) -> Training:
    """The training at its end."""
    training = training_of(tree, seeds, **options)
    assert training.run(Watching())
    return training


@dataclass
class Watching:
    """Stops a training at a step, or keeps a copy of its state after each advance."""

    stop_at: int | None = None
    keeps: bool = False
    step: int = 0
    told: list[Progress] = field(default_factory=list)
    saved: list[dict[str, Tensor]] = field(default_factory=list)

    def tell(self, progress: Progress) -> None:
        self.step = progress.step
        self.told.append(progress)

    def wants_checkpoint(self) -> bool:
        return self.keeps

    def save(self, state: dict[str, Tensor]) -> None:
        self.saved.append({name: tensor.clone() for name, tensor in state.items()})

    def wants_to_stop(self) -> bool:
        return self.stop_at is not None and self.step >= self.stop_at


def ends(training: Training) -> tuple[Tensor, Tensor]:
    """Weights and running statistics of all runs at the end."""
    whole = training.whole_stack()
    return whole.theta, whole.statistics


def everything(training: Training) -> dict[str, Any]:
    """All that a training leaves, to be compared bit for bit."""
    theta, statistics = ends(training)
    return {
        "theta": theta,
        "statistics": statistics,
        "status": training.status,
        "history": training.history.frame(),
        "trace": training.trace.frame(),
        "pretraining": training.pretraining,
        "metrics": training.score(),
    }


def same_bits(one: Any, other: Any) -> bool:
    """Whether two values of `everything` are equal bit for bit."""
    if isinstance(one, Tensor):
        bits = [tensor.contiguous().numpy().tobytes() for tensor in (one, other)]
        return one.dtype == other.dtype and one.shape == other.shape and bits[0] == bits[1]
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same_bits(one[k], other[k]) for k in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same_bits, one, other))
    return bool(one.equals(other)) if hasattr(one, "equals") else bool(one == other)


def differences(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """The names under which two trainings left something else."""
    return [name for name in one if not same_bits(one[name], other[name])]


def rows(frame: Any, run: int) -> Any:
    """One run's rows of a table, without its number."""
    import polars

    return frame.filter(polars.col("run") == run).drop("run")
