"""Activations: the nonlinearities between layers, each with its derivative by hand.

An activation may overwrite what it is given: `forward` its z, `backward` its da and the activations
that it kept. That saves a buffer and a pass over it for each layer. Where torch has da · a' as one
kernel, the formula in the docstring is computed by it: one pass instead of up to four.
"""

from __future__ import annotations

import math
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

Units = Float[Tensor, "runs batch units"]

aten = torch.ops.aten

SATURATED_SIGMOID = 1 / (1 + math.exp(5))  # |z| > 5: less than 2.7 % of the largest slope is left
SATURATED_TANH = math.tanh(2.5)  # the same place, as tanh(z) = 2 sigmoid(2z) - 1


@runtime_checkable
class Activation(Protocol):
    """a = f(z), elementwise unless said otherwise."""

    def forward(self, z: Units) -> Units: ...

    def backward(self, da: Units) -> Units: ...


class Identity:
    """a = z, a' = 1."""

    def forward(self, z: Units) -> Units:
        return z

    def backward(self, da: Units) -> Units:
        return da


class Sigmoid:
    """a = 1 / (1 + e^-z), a' = a (1 - a)."""

    def forward(self, z: Units) -> Units:
        self.a = torch.sigmoid(z, out=z)
        return self.a

    def backward(self, da: Units) -> Units:
        aten.sigmoid_backward.grad_input(da, self.a, grad_input=da)
        return da

    def saturated(self, a: Units) -> Bool[Tensor, "runs batch units"]:
        return (a - 0.5).abs_() > 0.5 - SATURATED_SIGMOID


class Tanh:
    """a = tanh z, a' = 1 - a²."""

    def forward(self, z: Units) -> Units:
        self.a = torch.tanh(z, out=z)
        return self.a

    def backward(self, da: Units) -> Units:
        aten.tanh_backward.grad_input(da, self.a, grad_input=da)
        return da

    def saturated(self, a: Units) -> Bool[Tensor, "runs batch units"]:
        return a.abs() > SATURATED_TANH


class ReLU:
    """a = max(z, 0), a' = 1 where z > 0, else 0."""

    def forward(self, z: Units) -> Units:
        self.a = torch.relu_(z)
        return self.a

    def backward(self, da: Units) -> Units:
        return da.mul_(self.a.sign_())


class LeakyReLU:
    """a = z where z > 0, else slope · z; a' = 1 or slope (Maas et al. 2013)."""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, z: Units) -> Units:
        self.a = functional.leaky_relu_(z, self.slope)
        return self.a

    def backward(self, da: Units) -> Units:
        aten.leaky_relu_backward.grad_input(da, self.a, self.slope, True, grad_input=da)
        return da


class ELU:
    """a = z where z > 0, else e^z - 1; a' = 1 or a + 1 (Clevert et al. 2016)."""

    def forward(self, z: Units) -> Units:
        self.a = functional.elu_(z)
        return self.a

    def backward(self, da: Units) -> Units:
        aten.elu_backward.grad_input(da, 1, 1, 1, True, self.a, grad_input=da)
        return da


class SELU:
    """a = λ z where z > 0, else λ α (e^z - 1); a' = λ or a + λ α (Klambauer et al. 2017)."""

    scale = 1.0507009873554804934193349852946
    alpha = 1.6732632423543772848170429916717

    def forward(self, z: Units) -> Units:
        self.a = torch.selu_(z)
        return self.a

    def backward(self, da: Units) -> Units:
        aten.elu_backward.grad_input(da, self.alpha, self.scale, 1, True, self.a, grad_input=da)
        return da


class GELU:
    """a = z Φ(z), a' = Φ(z) + z φ(z), with the normal distribution's Φ and φ (Hendrycks 2016)."""

    def forward(self, z: Units) -> Units:
        self.z = z
        self.cdf = torch.erf(z / math.sqrt(2)).add_(1).mul_(0.5)
        return z * self.cdf

    def backward(self, da: Units) -> Units:
        density = self.z.square().mul_(-0.5).exp_().mul_(1 / math.sqrt(2 * math.pi))
        return da.mul_(self.cdf.addcmul_(self.z, density))


class SiLU:
    """a = z σ(z), a' = σ(z) + a (1 - σ(z)) (Elfwing et al. 2017)."""

    def forward(self, z: Units) -> Units:
        self.gate = torch.sigmoid(z)
        self.a = z.mul_(self.gate)
        return self.a

    def backward(self, da: Units) -> Units:
        slope = self.gate + self.a.addcmul_(self.a, self.gate, value=-1)
        return da.mul_(slope)


class Softplus:
    """a = ln(1 + e^z), a' = σ(z); from z = 20 on a = z and a' = 1, as in torch."""

    def forward(self, z: Units) -> Units:
        self.z = z
        return functional.softplus(z)

    def backward(self, da: Units) -> Units:
        aten.softplus_backward.grad_input(da, self.z, 1, 20, grad_input=da)
        return da


class Exp:
    """a = e^z, a' = a."""

    def forward(self, z: Units) -> Units:
        self.a = z.exp_()
        return self.a

    def backward(self, da: Units) -> Units:
        return da.mul_(self.a)


class Softmax:
    """a_k = e^z_k / Σ e^z over the units; dz = a (da - Σ da a)."""

    def forward(self, z: Units) -> Units:
        self.a = torch.softmax(z, dim=-1)
        return self.a

    def backward(self, da: Units) -> Units:
        inner = torch.sum(da * self.a, dim=-1, keepdim=True)
        return da.sub_(inner).mul_(self.a)


class LogSoftmax:
    """a_k = z_k - ln Σ e^z over the units; dz = da - e^a Σ da."""

    def forward(self, z: Units) -> Units:
        self.a = torch.log_softmax(z, dim=-1)
        return self.a

    def backward(self, da: Units) -> Units:
        total = torch.sum(da, dim=-1, keepdim=True)
        return da.sub_(self.a.exp_().mul_(total))


ACTIVATIONS: dict[str, type[Activation]] = {
    "identity": Identity,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "softplus": Softplus,
    "exp": Exp,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
}


def activation_of(name: str, slope: float) -> Activation:
    """A new activation of that name; slope: of leaky_relu."""
    return LeakyReLU(slope) if name == "leaky_relu" else ACTIVATIONS[name]()
