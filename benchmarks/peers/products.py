"""The matrix products of training alone: what no program that computes them can be faster than."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import Thread

import torch
from side_by_side import Contender
from torch import Tensor

from peers.images import Images

LOOKS = 100  # about so often a training evaluates what it is judged by


class Products:
    """The products of one network's steps, `torch.mm` into memory that stays in the cache.

    learns: with those of the backward pass; without, a step is a look at so many examples.
    """

    def __init__(
        self, widths: Sequence[int], batch: int, steps: int, *, learns: bool = True
    ) -> None:
        self.steps = steps
        self.made: list[tuple[Tensor, Tensor, Tensor]] = []
        for layer, (fan_in, fan_out) in enumerate(pairwise(widths)):
            x, w, dz = (
                torch.randn(*s) for s in ((batch, fan_in), (fan_in, fan_out), (batch, fan_out))
            )
            self.made.append((x, w, torch.empty_like(dz)))
            if learns:
                self.made.append((x.mT, dz, torch.empty_like(w)))
            if learns and layer:
                self.made.append((dz, w.mT, torch.empty_like(x)))

    @torch.inference_mode()
    def multiply(self) -> None:
        for _ in range(self.steps):
            for a, b, out in self.made:
                torch.mm(a, b, out=out)


def of_one(widths: Sequence[int], batch: int, images: Images, epochs: int) -> list[Products]:
    """Those of one training in a comparison: of its steps, and of its evaluations on the way."""
    looks = epochs // max(1, epochs // LOOKS)
    return [
        Products(widths, batch, len(images.x) // batch * epochs),
        Products(widths, len(images.x_test), looks, learns=False),
    ]


def on_each_core(make: Callable[[], Sequence[Products]], cores: int) -> Contender:
    """One training's products on each core at the same time; make: all that it has."""
    each = [make() for _ in range(cores)]

    def multiply(all_of_one: Sequence[Products]) -> None:
        for products in all_of_one:
            products.multiply()

    def work() -> None:
        threads = [Thread(target=multiply, args=(one,)) for one in each]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return Contender("its products alone", {"training": work}, runs=cores)
