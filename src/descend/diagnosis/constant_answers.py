"""Constant answers: the loss of the best answer that ignores its inputs."""

from __future__ import annotations

import torch
from torch import Tensor


def constant_loss(loss: str, y: Tensor) -> float | None:
    """The mean loss of the best constant answer to y; None where no formula gives it.

    y: as the loss takes them, class numbers or (examples, …) numbers. Classes: the entropy of their
    shares. Squares: the variance. Distances: the mean distance from the median. Poisson: that of
    the mean rate.
    """
    if y.dtype == torch.int64:
        counts = torch.bincount(y.flatten()).double()
        share = counts[counts > 0] / counts.sum()
        return float(-(share * share.log()).sum())
    y = y.double().flatten(1)
    mean = y.mean(dim=0)
    if loss == "mse":
        return float(y.var(dim=0, correction=0).mean())
    if loss == "l1":
        return float((y - y.median(dim=0).values).abs().mean())
    if loss == "bce" and bool(((y >= 0) & (y <= 1)).all()):
        entropy = -(torch.xlogy(mean, mean) + torch.xlogy(1 - mean, 1 - mean))
        return float(entropy.mean())
    if loss == "poisson" and bool((mean >= 0).all()):
        return float((mean - torch.xlogy(mean, mean)).mean())
    return None


def floor_loss(loss: str, x: Tensor, y: Tensor) -> float | None:
    """The mean loss of the best answer to each x (examples, …); None where no formula gives it.

    Equal inputs cannot be told apart: of these it is that of the best constant answer.
    """
    _, group = torch.unique(x.flatten(1), dim=0, return_inverse=True)
    total = 0.0
    for number in range(int(group.max()) + 1):
        own = y[group == number]
        best = constant_loss(loss, own)
        if best is None:
            return None
        total += best * len(own)
    return total / len(y)
