"""descend, epoch by epoch."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import fmean
from typing import Any

from side_by_side import OURS, Contender
from torch import Tensor

import descend
from descend.data.examples import Examples
from descend.recipe import Recipe
from descend.recipe.defaults import Facts, complete
from descend.training.training import Progress, Training
from peers.images import Images


def recipe_for(tree: Mapping[str, Any], examples: Examples) -> Recipe:
    """The recipe with every choice made."""
    facts = Facts(
        task=examples.task,
        outputs=examples.outputs,
        examples=len(examples.train),
        splits=tuple(examples.splits),
        scale=examples.preparation.scaling,
        target_scale=examples.preparation.target_scaling,
    )
    return complete(Recipe.of(tree), facts)


class EpochByEpoch:
    """A training that stops after each epoch, its state saved every time."""

    def __init__(self, training: Training) -> None:
        self.training = training
        self.is_at_end = False

    def epoch(self) -> None:
        self.training.run(self)

    def last_loss(self) -> float:
        return float(self.training.history.losses[-1].mean())

    def tell(self, progress: Progress) -> None:
        self.is_at_end = progress.step % self.training.steps_per_epoch == 0

    def wants_checkpoint(self) -> bool:
        return False

    def save(self, state: dict[str, Tensor]) -> None:
        self.state = state

    def wants_to_stop(self) -> bool:
        return self.is_at_end


class ToTheEnd(EpochByEpoch):
    """A training in one go."""

    def wants_to_stop(self) -> bool:
        return False


def on_images(
    images: Images,
    hidden: list[int],
    batch: int,
    *,
    lr: float,
    batch_norm: str | bool = False,
    name: str = OURS,
    evaluates: bool = False,
    **training: Any,
) -> Contender:
    """A classifier of images by Adam, measured as often as by default."""
    examples = images.as_examples()
    recipe = recipe_for(
        {
            "data": {"source": "mnist"},
            "network": {"hidden": hidden, "init": "torch", "batch_norm": batch_norm},
            "training": {
                "lr": lr,
                "batch_size": batch,
                "drop_last": True,
                "epochs": 1_000_000,
                "seed": 777,
                "evaluate": [],
                **training,
            },
        },
        examples,
    )
    epochs = EpochByEpoch(Training([recipe], examples))
    parts: dict[str, Any] = {"training": epochs.epoch}
    if evaluates:
        parts["evaluation"] = epochs.training.score
    return Contender(name, parts, outcome=epochs.last_loss)


class InSteps(EpochByEpoch):
    """A training that stops after so many steps, every time."""

    def __init__(self, training: Training, steps: int) -> None:
        super().__init__(training)
        self.steps = steps

    def epoch(self) -> None:
        self.training.run(self, until=self.training.step + self.steps)

    def wants_to_stop(self) -> bool:
        return False


def in_steps(images: Images, hidden: list[int], batch: int, runs: int, steps: int) -> Contender:
    """So many steps of a stack, measured as often as by default."""
    examples = images.as_examples()
    training = {"lr": 0.001, "batch_size": batch, "drop_last": True, "epochs": 1_000_000}
    tree = {
        "data": {"source": "mnist"},
        "network": {"hidden": hidden},
        "training": {**training, "evaluate": []},
    }
    recipe = recipe_for(tree, examples)
    recipes = [recipe.edited({"training.seed": seed}) for seed in range(runs)]
    steps_of = InSteps(Training(recipes, examples), steps)
    return Contender(OURS, {"training": steps_of.epoch}, outcome=steps_of.last_loss)


class Xor:
    """The lab xor-nn with one seed or many, from the recipe to the last step."""

    def __init__(self, seeds: int, steps: int, **training: Any) -> None:
        from descend.data.sources import load
        from descend.recipe.model import Data

        self.examples = load(Data(source="xor"))
        tree = {
            "data": {"source": "xor"},
            "network": {
                "hidden": [2],
                "activation": "sigmoid",
                "init": "torch",
                "output": "sigmoid",
            },
            "training": {
                "optimizer": "sgd",
                "lr": 1.0,
                "epochs": steps,
                "evaluate": [],
                **training,
            },
        }
        recipe = recipe_for(tree, self.examples)
        self.recipes = [recipe.edited({"training.seed": seed}) for seed in range(777, 777 + seeds)]

    def set_up(self) -> None:
        self.training = Training(self.recipes, self.examples)

    def train(self) -> None:
        self.training.run(ToTheEnd(self.training))

    def last_loss(self) -> float:
        return float(self.training.history.losses[-1, 0])


def on_xor(seeds: int, steps: int, **training: Any) -> Contender:
    """The lab xor-nn; the loss shown is that of its first seed, 777."""
    xor = Xor(seeds, steps, **training)
    parts = {"set-up": xor.set_up, "training": xor.train}
    return Contender(OURS, parts, runs=seeds, outcome=xor.last_loss)


class Compared:
    """`descend.compare`, from the recipe to the verdict; its folder is thrown away."""

    def __init__(self, recipe: str | Mapping[str, Any], **options: Any) -> None:
        self.recipe, self.options = recipe, options

    def ask(self, **options: Any) -> None:
        given = self.recipe if isinstance(self.recipe, str) else Recipe.of(self.recipe)
        self.comparison = descend.compare(given, out=None, **self.options, **options)
        if self.comparison.status != "finished":
            raise SystemExit("interrupted")

    def last_loss(self) -> float:
        """The mean over the networks that ended with one."""
        losses = [result.value("train/loss") for result in self.comparison.results]
        return fmean(loss for loss in losses if loss == loss)


def compared(runs: float, recipe: str | Mapping[str, Any], **options: Any) -> Contender:
    """A comparison of so many runs, of which a part may be meant, such as their epochs."""
    comparison = Compared(recipe, **options)
    return Contender(OURS, {"training": comparison.ask}, runs, comparison.last_loss)
