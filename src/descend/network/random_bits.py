"""RandomBits: random numbers as a pure function of (seed, stream, step, place)."""

from __future__ import annotations

import torch
from jaxtyping import Int16, Int64
from torch import Tensor

# SplitMix64 (Steele, Lea & Flood 2014); constants as signed 64-bit numbers
GOLDEN = -7046029254386353131
# odd; within 2³⁰ steps and places no two words of a run hash the same number (lattice reduction)
STEP = -3335678366873096957
ROUNDS = ((30, -4658895280553007687), (27, -7723592293110705685))
LAST_SHIFT = 31


class RandomBits:
    """`count` random 16-bit numbers for each run and step, four from each 64-bit hash.

    A counter-based generator: it has no state to save, every run has its own sequence, the same on
    every device, and all runs are drawn by one pass of elementwise operations. On a CPU it is ten
    times faster than torch's serial `bernoulli_`.
    """

    def __init__(self, seeds: Int64[Tensor, " runs"], stream: int, count: int) -> None:
        words = -(-count // 4)
        self.count = count
        self.keys = mix(mix(seeds) + signed((stream + 1) * GOLDEN)).unsqueeze(1)
        self.places = torch.arange(words, dtype=torch.int64, device=seeds.device) * GOLDEN
        self.words = self.keys.new_empty(len(seeds), words)
        self.scratch = torch.empty_like(self.words)

    def draw(self, step: int) -> Int16[Tensor, "runs count"]:
        """The numbers of `step`, uniform on all values of an int16."""
        torch.add(self.places, self.keys + signed(step * STEP), out=self.words)
        return mix_(self.words, self.scratch).view(torch.int16)[:, : self.count]


def signed(number: int) -> int:
    """The number modulo 2⁶⁴, as an int64 holds it."""
    return (number + (1 << 63)) % (1 << 64) - (1 << 63)


def mix(z: Tensor) -> Tensor:
    """The hash of each 64-bit number."""
    return mix_(z.clone(), torch.empty_like(z))


def mix_(z: Tensor, scratch: Tensor) -> Tensor:
    """The hash of each 64-bit number, in place."""
    for shift, factor in ROUNDS:
        _xor_shift_(z, shift, scratch).mul_(factor)
    return _xor_shift_(z, LAST_SHIFT, scratch)


def _xor_shift_(z: Tensor, shift: int, scratch: Tensor) -> Tensor:
    # torch shifts signed numbers arithmetically: mask the copies of the sign bit away
    torch.bitwise_right_shift(z, shift, out=scratch).bitwise_and_((1 << (64 - shift)) - 1)
    return z.bitwise_xor_(scratch)
