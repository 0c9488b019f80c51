"""Plain torch modules: a run of a stack as a `torch.nn.Sequential` (`torch_reader` leads back)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from descend.network.architecture import Block
from descend.network.stack import Stack


class Exp(nn.Module):
    """a = e^z: the one activation for which torch has no module."""

    def forward(self, z: Tensor) -> Tensor:
        return z.exp()


MODULES: dict[str, Callable[[], nn.Module]] = {
    "identity": nn.Identity,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "softplus": nn.Softplus,
    "exp": Exp,
    "softmax": lambda: nn.Softmax(dim=-1),
    "log_softmax": lambda: nn.LogSoftmax(dim=-1),
}
"""The module of each activation."""


def to_sequential(stack: Stack, run: int = 0) -> nn.Sequential:
    """Run `run` of a stack as torch modules with a copy of its weights, in evaluation mode.

    Linear, then BatchNorm1d before or after the activation, then Dropout, layer after layer; the
    identity has no module. Pixels go in as the stack takes them, flattened into the batch.
    """
    modules: list[nn.Module] = []
    for place, block in enumerate(stack.architectures[stack.row(run)]):
        modules.append(_linear(stack, place, run))
        if block.batch_norm == "before":
            modules.append(_batch_norm(stack, place, run))
        if block.activation != "identity":
            modules.append(_activation(block))
        if block.batch_norm == "after":
            modules.append(_batch_norm(stack, place, run))
        if block.dropout:
            modules.append(nn.Dropout(block.dropout))
    return nn.Sequential(*modules).eval()


def parts_of(norm: nn.BatchNorm1d) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """γ, β and the running mean and variance."""
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.weight, norm.bias, norm.running_mean, norm.running_var


def _activation(block: Block) -> nn.Module:
    is_leaky = block.activation == "leaky_relu"
    return nn.LeakyReLU(block.slope) if is_leaky else MODULES[block.activation]()


def _linear(stack: Stack, place: int, run: int) -> nn.Linear:
    block, views, theta = stack.blocks[place], stack.views[place], stack.theta
    # made in memory, it would draw weights from the global generator for nothing
    linear = nn.Linear(block.fan_in, block.fan_out, dtype=theta.dtype, device="meta")
    linear = linear.to_empty(device=theta.device)
    with torch.no_grad():
        linear.weight.copy_(views.w[run].T)
        linear.bias.copy_(views.b[run, 0])
    return linear


def _batch_norm(stack: Stack, place: int, run: int) -> nn.BatchNorm1d:
    views, running, theta = stack.views[place], stack.running[place], stack.theta
    assert views.scale is not None and views.shift is not None and running is not None
    block = stack.architectures[run][place]
    settings = block.batch_norm_eps, block.batch_norm_momentum
    norm = nn.BatchNorm1d(block.fan_out, *settings, dtype=theta.dtype, device=theta.device)
    with torch.no_grad():
        for own, rows in zip(parts_of(norm), (views.scale, views.shift, *running), strict=True):
            own.copy_(rows[run, 0])
    return norm
