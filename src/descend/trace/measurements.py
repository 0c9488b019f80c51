"""Measurements: numbers about each layer of each run at a sampled step."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from descend.network.activations import Activation, ReLU

QUANTITIES = (
    "activation_mean",
    "activation_std",
    "zero_share",  # of the activations; of layers that can be exactly zero
    "dead_share",  # of the units: zero for every example of the batch
    "saturated_share",  # of the activations; of sigmoid and tanh
    "gradient_norm",  # of the weights' gradient, before clipping
    "weight_norm",  # before the update
    "update_ratio",  # ‖Δw‖ / ‖w‖, 0 where nothing moved
)

PerRun = Float[Tensor, " runs"]


def has_sense(quantity: str, activation: type[Activation]) -> bool:
    """Whether a quantity can be said of a layer with this activation."""
    if quantity in ("zero_share", "dead_share"):
        return activation is ReLU
    return quantity != "saturated_share" or hasattr(activation, "saturated")


def activity(activation: Activation, a: Float[Tensor, "runs batch units"]) -> list[PerRun]:
    """Mean, spread, and the shares of zeros, dead units and saturated units; NaN without sense."""
    flat = a.reshape(len(a), -1)
    mean = flat.mean(dim=1)
    # torch.std_mean is one serial pass: ten times slower than these
    std = torch.sub(flat, mean.unsqueeze(1)).square_().mean(dim=1).sqrt_()
    zero = dead = saturated = torch.full_like(mean, torch.nan)
    if isinstance(activation, ReLU):
        zero, dead = _zero_share(flat), _zero_share(a.amax(dim=1))  # no activation is below 0
    elif (is_saturated := getattr(activation, "saturated", None)) is not None:
        saturated = torch.count_nonzero(is_saturated(a).view(flat.shape), dim=1) / flat.shape[1]
    return [mean, std, zero, dead, saturated]


def _zero_share(values: Float[Tensor, "runs values"]) -> PerRun:
    # numbers, as torch compares them and adds them up five times as fast as truth values
    return torch.eq(values, 0, out=torch.empty_like(values)).mean(dim=1)


def norms(
    theta: Float[Tensor, "runs parameters"], places: Sequence[slice], first: int = 0
) -> list[PerRun]:
    """The Euclidean norms of what lies in these columns; those of `theta` begin with `first`."""
    columns = (slice(max(0, one.start - first), max(0, one.stop - first)) for one in places)
    return [torch.linalg.vector_norm(theta[:, own], dim=1) for own in columns]


def ratio(change: PerRun, size: PerRun) -> PerRun:
    """How large a change is beside what changed; 0 where nothing did, even beside nothing."""
    return torch.where(change == 0, change, change / size)


def table(
    activities: list[list[PerRun]],
    gradients: list[PerRun],
    weights: list[PerRun],
    changes: list[PerRun],
) -> Float[Tensor, "runs layers quantities"]:
    """All quantities from what was found of each layer: activity, and three norms."""
    flat = [
        quantity
        for found, gradient, weight, change in zip(
            activities, gradients, weights, changes, strict=True
        )
        for quantity in (*found, gradient, weight, ratio(change, weight))
    ]
    return torch.stack(flat, dim=1).view(-1, len(activities), len(QUANTITIES))
