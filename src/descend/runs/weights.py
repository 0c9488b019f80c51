"""Weights of a stack by name, as a run keeps them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from descend.errors import RunError
from descend.network.stack import Stack


def named_weights(stack: Stack) -> dict[str, Tensor]:
    """`layer1.weight` (runs, fan_in, fan_out), `layer1.bias` (runs, fan_out), … of every layer.

    Layers with batch normalisation also have `.scale`, `.shift`, `.running_mean`, `.running_var`.
    """
    named = {}
    for number, (views, running) in enumerate(
        zip(stack.views, stack.running, strict=True), start=1
    ):
        named[f"layer{number}.weight"] = views.w
        named[f"layer{number}.bias"] = views.b.squeeze(1)
        if views.scale is not None and views.shift is not None and running is not None:
            named[f"layer{number}.scale"] = views.scale.squeeze(1)
            named[f"layer{number}.shift"] = views.shift.squeeze(1)
            named[f"layer{number}.running_mean"] = running[0].squeeze(1)
            named[f"layer{number}.running_var"] = running[1].squeeze(1)
    return named


def load_weights(stack: Stack, named: Mapping[str, Tensor]) -> None:
    """Fill the stack with what `named_weights` gave; RunError where a shape does not fit."""
    for name, place in named_weights(stack).items():
        if name not in named or named[name].shape != place.shape:
            given = tuple(named[name].shape) if name in named else None
            raise RunError(
                f"the weights must have `{name}` of shape {tuple(place.shape)}: {given}",
                hint="weights.safetensors and recipe.toml belong to different runs",
            )
        place.copy_(named[name])


def alone(stack: Stack, run: int) -> Stack:
    """A stack of that one run, so that nothing is computed for the others."""
    if stack.runs == 1:
        return stack
    one = Stack(
        stack.architectures[run : run + 1],
        [int(stack.seeds[run])],
        dtype=stack.theta.dtype,
        device=stack.theta.device,
    )
    one.theta.copy_(stack.theta[run])
    one.statistics.copy_(stack.statistics[run])
    return one
