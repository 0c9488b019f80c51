"""Woven: many tiny networks whose numbers lie run beside run in memory."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from descend.network.stack import Stack, views_of

RUNS_FROM = 16
PRODUCTS_FROM = 1600
PRODUCTS_UNTIL = 512
"""Weaving pays from so many runs and products of all runs on, where each run needs few of them.

A product of matrices costs torch some 30 ns for each run, however small they are. Products are
counted in the largest layer: batch · fan_in · fan_out. Measured on one CPU thread with a batch of
4: 2-2-1 is 1.0 times as fast for 100 runs, 1.8 for 1,000; 2-10-10-10-1 1.1 for 16, 1.9 for 1,000.
"""


def is_worth_weaving(stack: Stack, batch: int) -> bool:
    """Whether batches of this size are faster with the runs side by side."""
    most = max(batch * block.fan_in * block.fan_out for block in stack.blocks)
    are_many = stack.runs >= RUNS_FROM and stack.runs * most >= PRODUCTS_FROM
    return are_many and most <= PRODUCTS_UNTIL and stack.theta.device.type == "cpu"


class Weave:
    """Copies of a stack's parameters and gradient, and buffers, with the runs innermost in memory.

    To whom it does not matter they look as ever: the runs are the first axis.
    """

    def __init__(self, stack: Stack, batch: int) -> None:
        self.stack = stack
        self.theta = self.buffer(stack.theta.shape[1])
        self.gradient = self.buffer(stack.theta.shape[1])
        self.views = views_of(self.theta, stack.blocks)
        self.slopes = views_of(self.gradient, stack.blocks)
        most = max(batch * block.fan_in * block.fan_out for block in stack.blocks)
        self.room = self.buffer(most)

    def buffer(self, *shape: int) -> Tensor:
        """Room for numbers of each run, (runs, *shape)."""
        like = self.stack.theta
        return like.new_empty(*shape, self.stack.runs).movedim(-1, 0)

    def products(self, *shape: int) -> Tensor:
        """Such room, (runs, *shape), that all layers share."""
        count = torch.Size(shape).numel()
        return self.room[:, :count].view(self.stack.runs, *shape)

    def take_parameters(self) -> None:
        """Copy the parameters from the stack."""
        self.theta.copy_(self.stack.theta)

    def give_gradient(self) -> None:
        """Copy the gradient to the stack."""
        self.stack.gradient.copy_(self.gradient)


class WovenLinear:
    """z = x w + b as `Linear` has it: all products in one operation, then their sums."""

    def __init__(
        self,
        w: Tensor,
        b: Tensor,
        dw: Tensor,
        db: Tensor,
        weave: Weave,
        batch: int,
        *,
        is_first: bool,
    ) -> None:
        _, fan_in, fan_out = w.shape
        self.w, self.b, self.dw, self.db = w.unsqueeze(1), b, dw, db
        self.products = weave.products(batch, fan_in, fan_out)
        self.z = weave.buffer(batch, fan_out)
        self.own_x = weave.buffer(batch, fan_in) if is_first else None
        self.dx = None if is_first else weave.buffer(batch, fan_in)

    def forward(self, x: Float[Tensor, "runs batch fan_in"]) -> Float[Tensor, "runs batch fan_out"]:
        is_shared = x.stride(0) == 0  # by all runs
        if self.own_x is not None and not is_shared:
            x = self.own_x.copy_(x)
        self.x = x.unsqueeze(3)
        torch.mul(self.x, self.w, out=self.products)
        return torch.sum(self.products, dim=2, out=self.z).add_(self.b)

    def backward(
        self, dz: Float[Tensor, "runs batch fan_out"]
    ) -> Float[Tensor, "runs batch fan_in"] | None:
        """dL/dw = xᵀ dz, dL/db = Σ dz over the batch, dL/dx = dz wᵀ; the first layer omits it."""
        torch.sum(dz, dim=1, keepdim=True, out=self.db)
        dz = dz.unsqueeze(2)
        torch.sum(torch.mul(self.x, dz, out=self.products), dim=1, out=self.dw)
        if self.dx is None:
            return None
        return torch.sum(torch.mul(dz, self.w, out=self.products), dim=3, out=self.dx)
