"""The gradient that is written out by hand, beside the one that autograd finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from descend.data.sources import load
from descend.errors import NetworkError
from descend.network.architecture import architecture_of
from descend.network.losses import LOSSES, Objective
from descend.network.passes import TrainingPass
from descend.network.stack import Stack, views_of
from descend.training.targets import encode

if TYPE_CHECKING:
    from descend.runs.run import Run

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
}
TORCH_LOSSES: dict[tuple[str, str], Callable[[Tensor, Tensor], Tensor]] = {
    ("bce", "probabilities"): functional.binary_cross_entropy,
    ("bce", "logits"): functional.binary_cross_entropy_with_logits,
    ("mse", "logits"): functional.mse_loss,
    ("cross_entropy", "logits"): lambda z, y: functional.cross_entropy(z[0], y[0]),
}


def gradient_error(run: Run, data_dir: Path | str | None = None) -> float:
    """The largest difference between a component of the written-out gradient and of autograd's.

    Over the whole training set as one batch, in float64, of the first network at its first weights
    and at its last. Raises NetworkError for layers and losses that it has no counterpart of.
    """
    recipe = run.recipe
    examples = load(recipe.data, data_dir)
    blocks = architecture_of(recipe, examples.features)
    key = (str(recipe.training.loss), str(recipe.training.loss_on))
    has_more = any(block.batch_norm or block.dropout for block in blocks)
    if has_more or key not in TORCH_LOSSES or any(b.activation not in ACTIVATIONS for b in blocks):
        raise NetworkError(
            "the gradient can be compared for plain layers with the activations "
            f"{', '.join(ACTIVATIONS)} and the losses bce, mse and cross_entropy"
        )
    loss = LOSSES[key]()
    preparation = examples.preparation
    train = encode(examples, recipe, loss).train
    x = preparation.inputs(train.x, dtype=torch.float64).unsqueeze(0)
    y = preparation.targets(train.y, torch.float64).unsqueeze(0)
    objective = Objective(loss, "sum" if recipe.training.reduction == "sum" else "mean")
    factor = float(x.shape[1]) if recipe.training.reduction == "sum_weights" else 1.0

    first = Stack([blocks], [recipe.training.seed], dtype=torch.float64)
    first.initialise([torch.Generator().manual_seed(recipe.training.seed)])
    last = Stack([blocks], [recipe.training.seed], dtype=torch.float64)
    last.theta.copy_(run.stack.theta[:1])
    errors = []
    for stack in (first, last):
        training = TrainingPass(stack, objective, x.shape[1], factor)
        training.forward(x, y, None, step=0)
        training.backward()
        other = _by_autograd(stack, x, y, TORCH_LOSSES[key])
        errors.append(float((stack.gradient - other).abs().max()))
    return max(errors)


def _by_autograd(
    stack: Stack, x: Tensor, y: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
) -> Float[Tensor, "1 parameters"]:
    theta = stack.theta.clone().requires_grad_()
    for views, block in zip(views_of(theta, stack.blocks), stack.blocks, strict=True):
        z = torch.baddbmm(views.b, x, views.w)
        is_leaky = block.activation == "leaky_relu"
        x = functional.leaky_relu(z, block.slope) if is_leaky else ACTIVATIONS[block.activation](z)
    (gradient,) = torch.autograd.grad(loss(x, y), theta)
    return gradient
