"""Dropout: units silenced at random in training; in evaluation the layer does not exist."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.network.random_bits import RandomBits

Units = Float[Tensor, "runs batch units"]


class Dropout:
    """y = x m / (1 - p), each m 0 with probability p, else 1 (Srivastava et al. 2014).

    rate: (runs, 1, 1); p is the multiple of 1/65536 next to it. The masks of a run depend on its
    seed, the layer and the step alone, so that it does not see its neighbours and a resumed one
    draws the same masks.
    """

    def __init__(
        self,
        rate: Float[Tensor, "runs 1 1"],
        seeds: Int64[Tensor, " runs"],
        layer: int,
        batch: int,
        units: int,
    ) -> None:
        runs = len(seeds)
        # random bits are read as int16, uniform on [-32768, 32767]
        threshold = (rate * 65536 - 32768).round().clamp(max=32767)
        self.threshold = threshold.to(torch.int16).view(runs, 1)
        self.kept = 65536 / (32768 - threshold)  # 1 / (1 - p)
        self.bits = RandomBits(seeds, stream=layer, count=batch * units)
        self.mask = rate.new_empty(runs, batch, units)
        self.y = rate.new_empty(runs, batch, units)

    def begin(self, step: int) -> None:
        """Draw the masks of `step`."""
        bits = self.bits.draw(step)
        torch.ge(bits, self.threshold, out=self.mask.view(bits.shape))
        self.mask.mul_(self.kept)

    def forward(self, x: Units) -> Units:
        return torch.mul(x, self.mask, out=self.y)

    def backward(self, dy: Units) -> Units:
        return dy.mul_(self.mask)
