"""Linear: the affine map, for many networks side by side."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


class Linear:
    """`runs` independent affine maps z = x w + b.

    w: (runs, fan_in, fan_out), b: (runs, 1, fan_out), both views of the stack's parameters;
    dw and db are views of its gradient in the same places.
    """

    def __init__(
        self, w: Tensor, b: Tensor, dw: Tensor, db: Tensor, batch: int, *, is_first: bool
    ) -> None:
        runs, fan_in, fan_out = w.shape
        self.w, self.b, self.dw, self.db = w, b, dw, db
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
        torch.bmm(self.x_transposed, dz, out=self.dw)
        torch.sum(dz, dim=1, keepdim=True, out=self.db)
        return None if self.dx is None else torch.bmm(dz, self.w_transposed, out=self.dx)
