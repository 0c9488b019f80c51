"""Evaluation: loss and metrics of every run over every example of a split."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor

from descend.data.examples import Split
from descend.data.preparation import Preparation
from descend.network.losses import LOSSES, Loss
from descend.network.passes import EvaluationPass
from descend.network.stack import Stack
from descend.recipe import Recipe
from descend.training.targets import encode_split

CHUNK_BYTES = 2 << 20  # of the widest layer; a larger chunk falls out of the cache

PerRun = Float[Tensor, " runs"]
Outputs = Float[Tensor, "runs batch outputs"]


class Evaluator:
    """Scores splits in evaluation mode, chunk by chunk; no example is left out.

    decides_at: the output above which a unit says yes (0 for logits, ½ for probabilities).
    """

    def __init__(
        self, stack: Stack, preparation: Preparation, loss: Loss, decides_at: float
    ) -> None:
        self.stack, self.preparation, self.loss = stack, preparation, loss
        self.sums = METRICS[preparation.task](preparation, decides_at)
        self.forward = Forward(stack, preparation)

    @torch.inference_mode()
    def score(self, split: Split) -> dict[str, PerRun]:
        """`loss` and the task's metrics of each run, in float64."""
        count = self.forward.examples_a_chunk(split.x)
        targets = None if split.y is split.x else torch.split(split.y, count)
        weights = None if split.weight is None else torch.split(split.weight, count)
        total = torch.zeros(self.stack.runs, dtype=torch.float64, device=self.stack.theta.device)
        mass = total.new_zeros(())
        for place, raw in enumerate(torch.split(split.x, count)):
            x = self.forward.prepare(raw)
            outputs = self.forward(x)
            y = x if targets is None else self._target(targets[place])
            values = self.loss.values(outputs, y.expand(len(outputs), *y.shape[1:]))
            each = values.mean(dim=2) if values.ndim == 3 else values
            if weights is None:
                total += each.sum(dim=1, dtype=torch.float64)
                mass += each.shape[1]
            else:
                # an example's weight is that of each of its pixels
                weight = weights[place].repeat_interleave(each.shape[1] // len(raw))
                total += (each * weight).sum(dim=1, dtype=torch.float64)
                mass += weight.sum()
            self.sums.add(outputs, y)
        loss = total / mass
        # outputs that are no numbers are no answers either
        metrics = self.sums.take().items()
        return {"loss": loss} | {n: v.masked_fill(loss.isnan(), torch.nan) for n, v in metrics}

    def _target(self, y: Tensor) -> Tensor:
        y = self.preparation.targets(y, dtype=self.stack.theta.dtype)
        is_class = y.dtype == torch.int64
        return y.reshape(1, -1) if is_class else y.reshape(1, -1, y.shape[-1])


class Forward:
    """The evaluation passes of a stack over chunks of raw inputs."""

    def __init__(self, stack: Stack, preparation: Preparation) -> None:
        self.stack, self.preparation = stack, preparation
        widest = max(max(block.fan_in, block.fan_out) for block in stack.blocks)
        row_bytes = widest * stack.theta.element_size() * stack.runs
        self.rows = max(1, CHUNK_BYTES // row_bytes)
        self.passes: dict[int, EvaluationPass] = {}

    def examples_a_chunk(self, x: Tensor) -> int:
        """How many examples go through at once; each pixel of an image counts."""
        return self.rows if x.ndim == 2 else max(1, self.rows // x.shape[1])

    def prepare(self, raw: Tensor) -> Float[Tensor, "1 batch features"]:
        """Raw inputs as the network sees them."""
        x = self.preparation.inputs(raw, dtype=self.stack.theta.dtype)
        return x.reshape(1, -1, x.shape[-1])

    def __call__(self, x: Float[Tensor, "1 batch features"]) -> Outputs:
        """The outputs, in a buffer that the next call overwrites."""
        batch = x.shape[1]
        if batch not in self.passes:
            self.passes[batch] = EvaluationPass(self.stack, batch)
        return self.passes[batch].forward(x.expand(self.stack.runs, -1, -1))


def outputs_of(stack: Stack, preparation: Preparation, x: Tensor) -> Iterator[Outputs]:
    """The outputs for raw inputs x (examples, …), chunk by chunk, in a buffer used again."""
    forward = Forward(stack, preparation)
    for raw in torch.split(x, forward.examples_a_chunk(x)):
        yield forward(forward.prepare(raw))


def decision_of(recipe: Recipe) -> float:
    """The output above which a unit says yes: 0 where outputs are logits, else ½."""
    training = recipe.training
    return 0.0 if training.loss == "bce" and training.loss_on == "logits" else 0.5


def score_split(
    stack: Stack, recipe: Recipe, preparation: Preparation, split: Split
) -> dict[str, PerRun]:
    """Loss and metrics of every run of a stack on one split of raw examples."""
    assert recipe.training.loss and recipe.training.loss_on
    loss = LOSSES[recipe.training.loss, recipe.training.loss_on]()
    encoded = encode_split(split, recipe, loss)
    return Evaluator(stack, preparation, loss, decision_of(recipe)).score(encoded)


class Hits:
    """accuracy: the share of right classes, or of right answers yes or no."""

    names = ("loss", "accuracy")

    def __init__(self, preparation: Preparation, decides_at: float) -> None:
        self.decides_at = decides_at
        self.right: Tensor | float = 0.0
        self.count = 0

    def add(self, outputs: Outputs, y: Tensor) -> None:
        """Count a chunk's outputs against its targets (1, batch, …)."""
        if y.dtype == torch.int64:
            is_right = outputs.argmax(dim=2) == y
        elif outputs.shape[2] > 1 and self.is_exclusive:
            is_right = outputs.argmax(dim=2) == y.argmax(dim=2)
        else:
            is_right = (outputs > self.decides_at) == (y > 0.5)
        self.right = self.right + torch.count_nonzero(is_right.flatten(1), dim=1).double()
        self.count += is_right[0].numel()

    is_exclusive = True

    def take(self) -> dict[str, PerRun]:
        """The metrics of all chunks since the last call."""
        assert isinstance(self.right, Tensor)
        accuracy = self.right / self.count
        self.right, self.count = 0.0, 0
        return {"accuracy": accuracy}


class LabelHits(Hits):
    """accuracy: the share of right labels, each yes or no."""

    is_exclusive = False


class Distances:
    """rmse, mae and r2 on the raw scale of the targets, over all their columns.

    r2 = 1 - Σ error² / Σ (y - mean of its column)²: scikit-learn's with `variance_weighted`,
    but that errors in a constant column count.
    """

    names = ("loss", "rmse", "mae", "r2")

    def __init__(self, preparation: Preparation, decides_at: float) -> None:
        self.preparation = preparation
        self._begin()

    def _begin(self) -> None:
        self.rows: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self.count = 0

    def add(self, outputs: Outputs, y: Tensor) -> None:
        """Measure a chunk's outputs against its targets (1, batch, outputs)."""
        truth = self.preparation.targets_back(y).double()
        error = self.preparation.targets_back(outputs).double() - truth
        if not self.rows:
            self.origin = truth[:, :1]  # near the mean, so that squares do not cancel
        offset = (truth - self.origin)[0]
        self.rows.append(
            (
                error.square().sum(dim=(1, 2)),
                error.abs().sum(dim=(1, 2)),
                offset.sum(dim=0),
                offset.square().sum(dim=0),
            )
        )
        self.count += offset.shape[0]

    def take(self) -> dict[str, PerRun]:
        """The metrics of all chunks since the last call."""
        squares, distances, offsets, square_offsets = (
            torch.stack(part).sum(dim=0) for part in zip(*self.rows, strict=True)
        )
        values = self.count * len(offsets)
        spread = (square_offsets - offsets.square() / self.count).sum()
        self._begin()
        return {
            "rmse": (squares / values).sqrt(),
            "mae": distances / values,
            "r2": 1 - squares / spread,
        }


METRICS: dict[str, type[Hits] | type[Distances]] = {
    "regression": Distances,
    "autoencoder": Distances,
    "binary": Hits,
    "multiclass": Hits,
    "pixels": Hits,
    "multilabel": LabelHits,
}
