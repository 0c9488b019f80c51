"""A step's torch operations and nothing else: what any loop over them needs at least.

No recipe, no order, no measurements, no look at the loss: every view and buffer is made beforehand,
and the operations are those that were the fastest ones for these networks.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise

import torch
from side_by_side import Contender
from torch import Tensor

from descend.network.linear import Linear, wants_room
from descend.training.denormals import flushed_denormals
from peers.images import Images

GATHERED = 1337  # examples at once, as 784 floats each 4 MiB


class Bare:
    """`runs` classifiers side by side, with ReLU and Adam, on batches of raw images."""

    def __init__(self, images: Images, hidden: Sequence[int], batch: int, runs: int, steps: int):
        features = images.x.shape[1]
        widths = [features, *hidden, 10]
        sizes = [(fan_in + 1) * fan_out for fan_in, fan_out in pairwise(widths)]
        self.images, self.runs, self.batch, self.steps = images, runs, batch, steps
        self.theta = torch.randn(runs, sum(sizes)) * 0.05
        self.gradient, self.mean, self.square = (torch.zeros_like(self.theta) for _ in range(3))
        ends = list(accumulate(sizes))
        self.layers = [
            self._layer(end - size, *pair, is_first=end == size)
            for end, size, pair in zip(ends, sizes, pairwise(widths), strict=True)
        ]
        rows = max(GATHERED // (runs * batch), 1) * runs * batch
        self.raw = images.x.new_empty(rows, features)
        self.x, self.y = torch.empty(rows, features), images.y.new_empty(rows)
        self.batches = [
            (x.view(runs, batch, features), y.view(runs, 1, batch))
            for x, y in zip(self.x.split(runs * batch), self.y.split(runs * batch), strict=True)
        ]
        self.counter = torch.zeros(())
        state = (self.theta, self.gradient, self.mean, self.square)
        self.adam = partial(
            torch._fused_adam_,
            *(list(tensor.unbind()) for tensor in state),
            [],
            [self.counter] * runs,
            lr=0.001,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            weight_decay=0,
            amsgrad=False,
            maximize=False,
        )
        self.share = torch.tensor(1 / batch)

    def _layer(self, start: int, fan_in: int, fan_out: int, *, is_first: bool) -> Linear:
        weights = fan_in * fan_out
        parts = []
        for tensor in (self.theta, self.gradient):
            w = tensor[:, start : start + weights].view(self.runs, fan_in, fan_out)
            parts += [w, tensor[:, start + weights : start + weights + fan_out].unsqueeze(1)]
        w, b, dw, db = parts
        room = torch.empty(w.numel()) if wants_room(w, self.batch) else None
        return Linear(w, b, dw, db, self.batch, is_first=is_first, room=room)

    @flushed_denormals()
    @torch.inference_mode()
    def train(self) -> None:
        """So many steps."""
        for step in range(self.steps):
            place = step % len(self.batches)
            if place == 0:
                self.gather()
            self.step(*self.batches[place])

    @flushed_denormals()
    @torch.inference_mode()
    def update(self) -> None:
        """The optimizer's part of as many steps."""
        for _ in range(self.steps):
            self.adam()

    def gather(self) -> None:
        """The next batches: raw, as floats, from 0 to 1."""
        rows = torch.randint(len(self.images.x), (len(self.x),))
        torch.index_select(self.images.x, 0, rows, out=self.raw)
        self.x.copy_(self.raw).div_(self.images.brightest)
        torch.index_select(self.images.y, 0, rows, out=self.y)

    def step(self, x: Tensor, y: Tensor) -> None:
        """Forward, loss, backward, update."""
        outputs = []
        for layer in self.layers[:-1]:
            x = torch.relu_(layer.forward(x))
            outputs.append(x)
        log_p = torch.log_softmax(self.layers[-1].forward(x).mT.contiguous(), dim=1)
        self.loss = log_p.gather(1, y).sum(dim=2)
        dz = log_p.exp_().scatter_(1, y, -1.0, reduce="add").mul_(self.share).mT
        for layer, a in zip(self.layers[:0:-1], outputs[::-1], strict=True):
            back = layer.backward(dz)
            assert back is not None  # that is so of the first layer only
            dz = back.mul_(a.sign_())
        self.layers[0].backward(dz)
        self.counter += 1
        self.adam()


def loops(
    images: Images, hidden: Sequence[int], batch: int, runs: int, steps: int
) -> list[Contender]:
    """The bare loop, and its optimizer alone."""
    bare = Bare(images, hidden, batch, runs, steps)
    return [
        Contender("bare operations", {"training": bare.train}, outcome=lambda: _loss(bare)),
        Contender("its Adam alone", {"training": bare.update}),
    ]


def _loss(bare: Bare) -> float:
    return -float(bare.loss.mean()) / bare.batch
