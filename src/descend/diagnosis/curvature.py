"""Curvature: how fast the slope of the loss changes in the direction in which it changes most."""

from __future__ import annotations

import math

import torch

from descend.data.batches import Batch
from descend.network.passes import TrainingPass
from descend.training.training import Training

ROUNDS = 20
STEP = 1e-3  # beside the weights: long enough for float32, short enough for a slope
MOST = 2e9  # floating-point operations: some 20 ms of a CPU


@torch.no_grad()
def curvatures(training: Training, batch: Batch) -> list[float] | None:
    """The largest eigenvalue of the loss's Hessian on a batch, at the present weights of each run.

    By power iteration: the Hessian times a direction is the difference of two gradients. Steps of
    plain descent longer than 2 / λ lead away. None for plans whose network is so large that it
    would take long. The weights are as they were in the end.
    """
    theta, gradient = training.stack.theta, training.stack.gradient
    rows = batch.x.shape[1]
    if 12 * ROUNDS * theta.numel() * rows > MOST:
        return None
    forward = TrainingPass(training.stack, training.executor.objective, rows)
    home = theta.clone()
    length = STEP * home.norm(dim=1, keepdim=True).clamp(min=1.0)
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(theta.shape, generator=generator, dtype=theta.dtype).to(theta.device)
    v = v / v.norm(dim=1, keepdim=True)
    curvature = torch.zeros(len(theta), dtype=torch.float64)
    for _ in range(ROUNDS):
        slopes = []
        for sign in (1, -1):
            theta.copy_(home + sign * length * v)
            forward.forward(*batch, 0)
            forward.backward()
            slopes.append(gradient.clone())
        product = (slopes[0] - slopes[1]) / (2 * length)
        curvature = (v * product).sum(dim=1).double().cpu()
        v = product / product.norm(dim=1, keepdim=True).clamp(min=1e-30)
    theta.copy_(home)
    return [value if math.isfinite(value) else math.nan for value in curvature.tolist()]
