"""A recipe's network as the subject of a preflight: descend's own passes, with a batch of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from descend.data.examples import Examples
from descend.diagnosis.preflight.subject import RATES, ROWS, STEPS, Answers, Fit
from descend.diagnosis.watching import Quiet
from descend.network.passes import EvaluationPass, TrainingPass
from descend.network.stack import views_of
from descend.recipe import Recipe
from descend.runs.edits import seeded
from descend.trace.measurements import QUANTITIES
from descend.training.training import Training

SEEDS = 3  # of each rate, for a small network: some are lotteries
SMALL = 20_000  # parameters
PIXELS = 256  # of all images of the batch, but one image at least
GRADIENT = QUANTITIES.index("gradient_norm")
AT_ONCE = 20  # steps from one look at the losses to the next
PLAIN: Mapping[str, Any] = {  # one batch, learnt by Adam, with nothing that holds it back
    "network.dropout": 0.0,
    "network.l1": 0.0,
    "network.l2": 0.0,
    "training.optimizer": "adam",
    **dict.fromkeys(
        f"training.{name}"
        for name in ("betas", "eps", "amsgrad", "weight_decay", "schedule", "class_weights")
    ),
    **dict.fromkeys(f"training.{name}" for name in ("clip_norm", "clip_value", "early_stopping")),
    "training.reduction": "mean",
    "training.batch_size": "all",
    "training.drop_last": False,
    "training.epochs": STEPS,
    "training.steps": None,
    "training.evaluate": [],
    "training.measure_every": 10,
    "training.measure_first": 10,
}


class RecipeSubject:
    """A completed recipe and its examples, of which a batch is taken."""

    frozen: Sequence[str] = ()

    def __init__(self, recipe: Recipe, examples: Examples) -> None:
        train = examples.train
        pixels = train.x.shape[1] if train.x.ndim == 3 else 1
        most = max(1, PIXELS // pixels) if pixels > 1 else ROWS
        train = train.rows(batch_rows(len(train), most, recipe.training.seed))
        self.examples = replace(examples, train=train, validation=None, test=None)
        self.recipe = recipe.edited(
            {
                "training.batch_size": "all",
                "training.drop_last": False,
                "training.evaluate": [],
                "training.early_stopping": None,
            }
        )
        self.training = self._training(self.recipe)
        blocks = self.training.stack.blocks
        self.layers: Sequence[str] = [
            f"layer {number} of {len(blocks)}" for number in range(1, len(blocks) + 1)
        ]
        self.normalised: Sequence[str] = [
            layer for layer, block in zip(self.layers, blocks, strict=True) if block.batch_norm
        ]
        batch = self._batch(self.training)
        self.x, self.y = batch.x[0], batch.y[0]
        self.loss = recipe.training.loss

    def fit(self, enough: float) -> Fit:
        """Networks at different rates, side by side, until one has learnt enough."""
        seeds = SEEDS if self.training.stack.theta.numel() < SMALL else 1
        first = self.recipe.training.seed
        plain = self.recipe.edited({**PLAIN, **self._without_own_penalties()})
        recipes = [
            seeded(plain.edited({"training.lr": rate}), first + place)
            for rate in RATES
            for place in range(seeds)
        ]
        training = Training(recipes, self.examples)
        before = training.stack.theta.clone()
        while not training.is_over:
            training.run(Quiet(), until=training.step + AT_ONCE)
            losses = training.history.losses
            if float(losses.nan_to_num(math.inf).min()) <= enough:
                break
        return fit_of(training, before)

    def answers(self, x: Tensor, y: Tensor) -> Answers:
        """Outputs with running statistics in place of the batch's, and the slope of the loss."""
        with torch.inference_mode():
            outputs = (
                EvaluationPass(self.training.stack, x.shape[0]).forward(x.unsqueeze(0)).clone()
            )
            objective = self.training.executor.objective
            objective.value(outputs, y.unsqueeze(0))
            slopes = objective.slope(outputs, y.unsqueeze(0)).clone()
        return Answers(outputs[0], slopes[0])

    def twin(self) -> RecipeTwin:
        """The network in float64, with dropout and penalties as the recipe has them."""
        return RecipeTwin(self._training(self.recipe.edited({"training.dtype": "float64"})))

    def _training(self, recipe: Recipe) -> Training:
        return Training([recipe], self.examples)

    def _batch(self, training: Training) -> Any:
        training.batches.start_epoch()
        (batch,) = training.batches.walk(0, 1)
        return batch

    def _without_own_penalties(self) -> dict[str, Any]:
        layers = self.recipe.network.layers or ()
        names = ("dropout", "l1", "l2")
        return {
            f"network.layers.{place}.{name}": None for place in range(len(layers)) for name in names
        }


class RecipeTwin:
    """A network of descend in float64, with its batch."""

    def __init__(self, training: Training) -> None:
        self.training, self.stack = training, training.stack
        training.batches.start_epoch()
        (self.batch,) = training.batches.walk(0, 1)
        size = self.batch.x.shape[1]
        is_fault = training.recipe.training.reduction == "sum_weights"
        objective = training.executor.objective
        factor = float(size) if is_fault else 1.0
        self.trained = TrainingPass(self.stack, objective, size, factor)
        self.parameters: Mapping[str, Tensor] = dict(self._named(self.stack.theta))

    def _named(self, theta: Tensor) -> Any:
        """Each parameter as a flat view: weights and biases of each layer, then its γ and β."""
        first = 0
        for number, block in enumerate(self.stack.blocks, start=1):
            sizes = {"weight": block.fan_in * block.fan_out, "bias": block.fan_out}
            if block.batch_norm:
                sizes |= {"scale": block.fan_out, "shift": block.fan_out}
            for name, size in sizes.items():
                yield f"layer {number} {name}", theta[0, first : first + size]
                first += size

    def loss(self) -> float:
        with torch.inference_mode():
            value = self.trained.forward(*self.batch, 0) + self.trained.penalty()
        return float(value[0])

    def gradients(self) -> Mapping[str, Tensor]:
        with torch.inference_mode():
            self.trained.forward(*self.batch, 0)
            self.trained.backward()
            return {name: one.clone() for name, one in self._named(self.stack.gradient)}


def batch_rows(examples: int, most: int, seed: int) -> Tensor:
    """The examples of the batch, drawn with a stream of its own; all where there are few."""
    if examples <= most:
        return torch.arange(examples)
    generator = torch.Generator().manual_seed(seed)
    return torch.randperm(examples, generator=generator)[:most]


def fit_of(training: Training, before: Tensor) -> Fit:
    """What the best of the networks came to."""
    losses = training.history.losses  # an epoch is a step
    best = int(losses.nan_to_num(math.inf).min(dim=0).values.argmin())
    own = losses[:, best]
    present = training.trace.present[:, best]
    norms = training.trace.values[present][:, best, :, GRADIENT]
    stack = training.whole_stack()
    sizes = [math.sqrt(block.fan_in * block.fan_out) for block in stack.blocks]
    gradients = [float(norm) / size for norm, size in zip(norms.amax(dim=0), sizes, strict=True)]
    moves = []
    for old, new in zip(views_of(before, stack.blocks), stack.views, strict=True):
        way, size = float((new.w[best] - old.w[best]).norm()), float(old.w[best].norm())
        moves.append(way / size if size else way)
    return Fit([value for value in own.tolist() if value == value], gradients, moves)
