"""BatchNorm: units normalised over the batch in training, by running statistics in evaluation."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

Units = Float[Tensor, "runs batch units"]
PerUnit = Float[Tensor, "runs 1 units"]

PerRun = Float[Tensor, "runs 1 1"]


class BatchNorm:
    """y = γ x̂ + β with x̂ = (z - mean) / sqrt(var + ε) over the batch (Ioffe & Szegedy 2015).

    Running statistics move by the share `momentum` to each batch's, the variance unbiased, as in
    torch. eps, momentum: of each run.
    A batch of one example has no variance: its x̂ is 0, and the running variance stays.
    """

    def __init__(
        self,
        scale: PerUnit,
        shift: PerUnit,
        dscale: PerUnit,
        dshift: PerUnit,
        running_mean: PerUnit,
        running_var: PerUnit,
        batch: int,
        eps: PerRun,
        momentum: PerRun,
    ) -> None:
        self.scale, self.shift, self.dscale, self.dshift = scale, shift, dscale, dshift
        self.running_mean, self.running_var = running_mean, running_var
        runs, _, units = scale.shape
        self.normal = scale.new_empty(runs, batch, units)
        self.y = scale.new_empty(runs, batch, units)
        self.batch = batch
        # a number that is a tensor already is ready a microsecond sooner
        self.share, self.eps, self.momentum = scale.new_tensor(1 / batch), eps, momentum
        self.unbiased = scale.new_tensor(batch / max(batch - 1, 1))

    def forward(self, z: Units) -> Units:
        # torch.var_mean is one serial pass: ten times slower than these from a hundred units up
        mean = torch.sum(z, dim=1, keepdim=True).mul_(self.share)
        torch.sub(z, mean, out=self.normal)
        squares = torch.mul(self.normal, self.normal, out=self.y)
        var = torch.sum(squares, dim=1, keepdim=True).mul_(self.share)
        self.running_mean.lerp_(mean, self.momentum)
        if self.batch > 1:
            self.running_var.lerp_(var * self.unbiased, self.momentum)
        self.inverse_std = var.add_(self.eps).rsqrt_()
        self.normal.mul_(self.inverse_std)
        return torch.addcmul(self.shift, self.scale, self.normal, out=self.y)

    def backward(self, dy: Units) -> Units:
        """dγ = Σ dy x̂, dβ = Σ dy, dz = γ / sqrt(var + ε) (dy - dβ/n - x̂ dγ/n)."""
        torch.sum(dy, dim=1, keepdim=True, out=self.dshift)
        torch.sum(torch.mul(dy, self.normal, out=self.y), dim=1, keepdim=True, out=self.dscale)
        dy.sub_(self.dshift, alpha=1 / self.batch)
        dy.addcmul_(self.normal, self.dscale, value=-1 / self.batch)
        return dy.mul_(self.inverse_std.mul_(self.scale))


class FrozenBatchNorm:
    """y = γ (z - running mean) / sqrt(running var + ε) + β: one affine map for every example."""

    def __init__(
        self,
        scale: PerUnit,
        shift: PerUnit,
        running_mean: PerUnit,
        running_var: PerUnit,
        eps: PerRun,
    ) -> None:
        self.scale, self.shift, self.eps = scale, shift, eps
        self.running_mean, self.running_var = running_mean, running_var

    def forward(self, z: Units) -> Units:
        factor = torch.add(self.running_var, self.eps).rsqrt_().mul_(self.scale)
        offset = torch.addcmul(self.shift, factor, self.running_mean, value=-1)
        return z.mul_(factor).add_(offset)
