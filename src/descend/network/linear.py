"""Linear: the affine map, for many networks side by side."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

ROOM_FROM, ROOM_UNTIL = 400, 4096
"""A product goes into room of its own, and from there to its place, from so many multiplications
and up to so many weights of a run.

torch multiplies all runs at once only where the results lie side by side, and dw does not: it calls
one product after the other. Measured with a batch of 32: 32·32 weights take 0.8 of the time for 2
runs and 0.4 for 30, 64·64 0.96 and 0.85, 128·64 1.04 and 1.32; below 400 multiplications it is
another kernel, which minds no gaps.
"""


class Linear:
    """`runs` independent affine maps z = x w + b.

    w: (runs, fan_in, fan_out), b: (runs, 1, fan_out), both views of the stack's parameters;
    dw and db are views of its gradient in the same places. room: for the products of several small
    layers, which leave it before the next one comes.
    """

    def __init__(
        self,
        w: Tensor,
        b: Tensor,
        dw: Tensor,
        db: Tensor,
        batch: int,
        *,
        is_first: bool,
        room: Float[Tensor, " numbers"] | None = None,
    ) -> None:
        runs, fan_in, fan_out = w.shape
        self.w, self.b, self.dw, self.db = w, b, dw, db
        self.room = None
        if room is not None and wants_room(w, batch):
            self.room = room[: w.numel()].view(w.shape)
        self.w_transposed = w.mT
        self.x: Tensor | None = None
        self.z = w.new_empty(runs, batch, fan_out)
        self.dx = None if is_first else w.new_empty(runs, batch, fan_in)

    def forward(self, x: Float[Tensor, "runs batch fan_in"]) -> Float[Tensor, "runs batch fan_out"]:
        if x is not self.x:
            self.x, self.x_transposed = x, x.mT
        return torch.baddbmm(self.b, x, self.w, out=self.z)

    def backward(
        self, dz: Float[Tensor, "runs batch fan_out"]
    ) -> Float[Tensor, "runs batch fan_in"] | None:
        """dL/dw = xᵀ dz, dL/db = Σ dz over the batch, dL/dx = dz wᵀ; the first layer omits it."""
        if self.room is None:
            torch.bmm(self.x_transposed, dz, out=self.dw)
        else:
            self.dw.copy_(torch.bmm(self.x_transposed, dz, out=self.room))
        torch.sum(dz, dim=1, keepdim=True, out=self.db)
        return None if self.dx is None else torch.bmm(dz, self.w_transposed, out=self.dx)


def wants_room(w: Float[Tensor, "runs fan_in fan_out"], batch: int) -> bool:
    """Whether the gradient of such weights is made in room of its own."""
    runs, fan_in, fan_out = w.shape
    weights = fan_in * fan_out
    return runs > 1 and weights * batch >= ROOM_FROM and weights <= ROOM_UNTIL and w.is_cpu
