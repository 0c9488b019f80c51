"""Weights: the parameters of one network by themselves, on their way into a stack."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from descend.errors import NetworkError
from descend.network.stack import Stack

LayerShape = tuple[int, int, str, str | bool]  # fan_in, fan_out, activation, batch norm
Shape = tuple[LayerShape, ...]


@dataclass(frozen=True)
class Weights:
    """The weights of one network: rows for theta and the statistics of a stack of its shape."""

    shape: Shape
    theta: Float[Tensor, " parameters"]
    statistics: Float[Tensor, " statistics"]

    @property
    def features(self) -> int:
        """The number of inputs."""
        return self.shape[0][0]

    def load(self, stack: Stack, run: int | None = None) -> None:
        """Put the weights into one run of a stack, or into all; NetworkError if they do not fit."""
        shape = tuple(
            layer_shape(block.fan_in, block.fan_out, block.activation, block.batch_norm)
            for block in stack.blocks
        )
        if shape != self.shape:
            raise NetworkError(
                f"the weights must be those of {_said(shape)}: {_said(self.shape)}",
                hint="the first result of `from_sequential` is the network that they fit",
            )
        row = slice(None) if run is None else stack.row(run)
        stack.theta[row] = self.theta.to(stack.theta)
        stack.statistics[row] = self.statistics.to(stack.statistics)


def layer_shape(fan_in: int, fan_out: int, activation: str, batch_norm: str | bool) -> LayerShape:
    """Batch norm before and after the identity is one thing."""
    is_both = activation == "identity" and bool(batch_norm)
    return fan_in, fan_out, activation, "before" if is_both else batch_norm


def _said(shape: Shape) -> str:
    words = [str(shape[0][0])]
    for _, units, activation, batch_norm in shape:
        norm = f", batch norm {batch_norm}" if batch_norm else ""
        words.append(f"{units} ({activation}{norm})")
    return " → ".join(words)
