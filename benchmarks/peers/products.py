"""The matrix products of training alone: what no program that computes them can be faster than."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from threading import Thread

import torch
from side_by_side import Contender
from torch import Tensor


class Products:
    """The products of one network's steps, `torch.mm` into memory that stays in the cache."""

    def __init__(self, widths: Sequence[int], batch: int, steps: int) -> None:
        self.steps = steps
        self.made: list[tuple[Tensor, Tensor, Tensor]] = []
        for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
            x, w, dz = (
                torch.randn(*s) for s in ((batch, fan_in), (fan_in, fan_out), (batch, fan_out))
            )
            self.made += [(x, w, torch.empty_like(dz)), (x.mT, dz, torch.empty_like(w))]
            if layer:
                self.made.append((dz, w.mT, torch.empty_like(x)))

    @torch.inference_mode()
    def multiply(self) -> None:
        for _ in range(self.steps):
            for a, b, out in self.made:
                torch.mm(a, b, out=out)


def on_each_core(widths: Sequence[int], batch: int, steps: int, cores: int) -> Contender:
    """One training's products on each core at the same time."""
    each = [Products(widths, batch, steps) for _ in range(cores)]

    def work() -> None:
        threads = [Thread(target=products.multiply) for products in each]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return Contender("its products alone", {"training": work}, runs=cores)
