"""First look: what a network that has learnt nothing makes of its examples and of one step."""

from __future__ import annotations

import torch
from torch import Tensor

from descend.network.activations import activation_of
from descend.network.passes import TrainingPass
from descend.network.stack import Stack
from descend.training.training import Training


@torch.inference_mode()
def signals(stack: Stack, run: int, x: Tensor) -> list[float]:
    """By how much a unit's output differs from example to example, in each layer of a run.

    The root mean square over a layer's units of their standard deviations over the examples x
    (examples, features), without dropout and with the statistics of these examples where there is
    batch normalisation.
    """
    a = x.double().unsqueeze(0)
    taken = []
    for views, block in zip(stack.views, stack.blocks, strict=True):
        z = a @ views.w[run].double() + views.b[run].double()
        if block.batch_norm == "before":
            z = _normal(z, block.batch_norm_eps)
        a = activation_of(block.activation, block.slope).forward(z)
        if block.batch_norm == "after":
            a = _normal(a, block.batch_norm_eps)
        taken.append(float(a.var(dim=1, correction=0).mean().sqrt()))
    return taken


@torch.inference_mode()
def second_losses(training: Training) -> list[float]:
    """The loss of each run on its first batch, now that one step was taken on it."""
    (batch,) = training.batches.walk(0, 1)
    forward = TrainingPass(training.stack, training.executor.objective, batch.x.shape[1])
    losses: list[float] = forward.forward(*batch, 0).double().tolist()
    return losses


def _normal(z: Tensor, eps: float) -> Tensor:
    mean, var = z.mean(dim=1, keepdim=True), z.var(dim=1, correction=0, keepdim=True)
    return (z - mean) / (var + eps).sqrt()
