"""Shift and scale of each feature, in float64 and in little memory."""

from __future__ import annotations

import torch
from jaxtyping import Float64, Shaped
from torch import Tensor

_ROWS = 4096

Pair = tuple[Float64[Tensor, " features"], Float64[Tensor, " features"]]


def mean_and_spread(x: Shaped[Tensor, "examples features"]) -> Pair:
    """Mean and standard deviation (over n, not n - 1) of each feature; 1 for a constant one."""
    low, high = x.amin(0).double(), x.amax(0).double()
    mean = _sum(x, torch.zeros_like(low), power=1) / len(x)
    spread = (_sum(x, mean, power=2) / len(x)).sqrt()
    # The mean of equal values may miss them by a rounding; their spread would then be that.
    is_constant = low == high
    return torch.where(is_constant, low, mean), torch.where(is_constant, 1.0, spread)


def full_range(x: Shaped[Tensor, "examples features"]) -> Pair:
    """Smallest value and range of each feature; the range of a constant one is 1."""
    low, high = x.amin(0).double(), x.amax(0).double()
    return low, torch.where(low == high, 1.0, high - low)


def _sum(x: Tensor, centre: Tensor, power: int) -> Tensor:
    """Σ (x - centre)^power over the examples."""
    total = torch.zeros_like(centre)
    for chunk in torch.split(x, _ROWS):
        total += (chunk.double() - centre).pow_(power).sum(0)
    return total
