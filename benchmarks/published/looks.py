"""Looks: what is measured of one step of a stack for the rules of others."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from descend.network.linear import Linear
from descend.network.passes import TrainingPass
from descend.network.stack import Stack

BEYOND = 5.0  # a pre-activation so far from 0 counts as saturated
SATURATED = {
    "Sigmoid": (1 / (1 + math.exp(BEYOND)), 1 / (1 + math.exp(-BEYOND))),
    "Tanh": (-math.tanh(BEYOND), math.tanh(BEYOND)),
}


class Look:
    """The measurements of one step; row i is of the i-th network that still trains.

    sample: descend's own of this step, which takes the step; layers: name to (networks, layers);
    network: name to (networks,).
    """

    def __init__(
        self,
        training: TrainingPass,
        stack: Stack,
        loss: Tensor,
        active: Tensor,
        sample: Any,
        curvature: Curvature | None,
    ) -> None:
        self.stack, self.sample, self.curvature = stack, sample, curvature
        self.active = active.clone()
        outputs = training.outputs
        low, high = outputs.flatten(1).aminmax(dim=1)
        self.network = {
            "loss": loss.clone(),
            "row_sum": outputs.abs().sum(dim=2).amax(dim=1),
            "output_spread": high - low,
        }
        by_layer = [_of_outputs(type(f).__name__, a) for f, a in training.activity()]
        self.layers = _joined(by_layer)

    def gradient(self) -> None:
        """After the backward pass, before the update."""
        self.sample.gradient()
        views, slopes = self.stack.views, self.stack.slopes
        self.layers |= _joined([_of_tensor("weight", view.w) for view in views])
        self.layers |= _joined([_of_tensor("gradient", slope.w) for slope in slopes])
        gradient = self.stack.gradient
        zeros = (gradient == 0).sum(dim=1) / gradient.shape[1]
        self.network |= {"zero_gradients": zeros, "gradient_norm": gradient.norm(dim=1)}
        nothing = torch.full_like(zeros, torch.nan)
        self.network |= {"alpha": nothing, "sharpness": nothing}
        if self.curvature is not None:
            self.network["sharpness"] = self.curvature.sharpness()

    def update(self, *how: Any) -> None:
        """Have the update carried out."""
        self.sample.update(*how)
        if self.curvature is not None:
            self.network["alpha"] = self.curvature.alpha()
        del self.stack, self.sample, self.curvature  # which hold all weights


class Curvature:
    """The loss along the step and along its sharpest direction, by further passes of the batch.

    alpha: where the step ends on the parabola through both slopes: -1 is its beginning, 0 the
    lowest point, 1 as high as the beginning; NaN where there is no such parabola.
    sharpness: the largest eigenvalue of the Hessian, by power iteration on differences of slopes.
    Weights, gradient and running statistics are as before once it is done.
    """

    ITERATIONS = 8
    PASSES = 2 * ITERATIONS + 1
    REACH = 1e-3  # of the size of the weights, to both sides

    def __init__(self, training: TrainingPass, stack: Stack, step: int) -> None:
        self.training, self.stack, self.step = training, stack, step
        linear = training.layers[0]
        assert isinstance(linear, Linear)
        assert linear.x is not None
        self.x = linear.x
        self.y, self.weight = training.y, training.weight

    def sharpness(self) -> Tensor:
        """Before the update."""
        self.theta, self.slope = self.stack.theta.clone(), self.stack.gradient.clone()
        value = self._largest()
        self.stack.theta.copy_(self.theta)
        self.stack.gradient.copy_(self.slope)
        return value

    def alpha(self) -> Tensor:
        """After the update; follows `sharpness`."""
        there = self.stack.theta.clone()
        way = there - self.theta
        begin, end = _product(self.slope, way), _product(self._slope_at(there), way)
        bend = end - begin
        self.stack.theta.copy_(there)
        return (bend / -begin - 1).where((begin < 0) & (bend > 0), torch.nan)

    def _largest(self) -> Tensor:
        draw = torch.Generator().manual_seed(0)
        way = torch.randn(self.theta.shape[1], generator=draw).to(self.theta).expand_as(self.theta)
        reach = self.REACH * (1 + self.theta.norm(dim=1, keepdim=True))
        value = torch.zeros(len(self.theta))
        for _ in range(self.ITERATIONS):
            way = way / way.norm(dim=1, keepdim=True).clamp_min(1e-30)
            ahead = self._slope_at(self.theta + reach * way)
            bent = (ahead - self._slope_at(self.theta - reach * way)) / (2 * reach)
            value, way = _product(bent, way), bent
        return value

    def _slope_at(self, theta: Tensor) -> Tensor:
        statistics = self.stack.statistics.clone()
        self.stack.theta.copy_(theta)
        self.training.forward(self.x, self.y, self.weight, self.step)
        self.training.backward()
        self.stack.statistics.copy_(statistics)
        return self.stack.gradient.clone()


def _product(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum(dim=1)


def _of_outputs(activation: str, a: Tensor) -> dict[str, Tensor]:
    flat = a.flatten(1)
    low, high = SATURATED.get(activation, (-math.inf, math.inf))
    return {
        "output_mean": flat.mean(dim=1),
        "output_max": flat.amax(dim=1),
        "output_size": flat.abs().mean(dim=1),
        "low_share": (flat <= 0).float().mean(dim=1),
        "saturated_share": ((flat < low) | (flat > high)).float().mean(dim=1),
    }


def _of_tensor(name: str, w: Tensor) -> dict[str, Tensor]:
    flat = w.flatten(1)
    return {
        f"{name}_mean": flat.mean(dim=1),
        f"{name}_max": flat.amax(dim=1),
        f"{name}_size": flat.abs().mean(dim=1),
        f"{name}_norm": flat.norm(dim=1),
        f"{name}_variance": flat.var(dim=1, correction=0),
    }


def _joined(by_layer: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([one[name] for one in by_layer], dim=1) for name in by_layer[0]}
