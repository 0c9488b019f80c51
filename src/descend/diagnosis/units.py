"""Units: what the weights that a network has now make of training examples, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from descend.data.examples import Examples
from descend.network.activations import ACTIVATIONS
from descend.network.linear import Linear
from descend.network.passes import EvaluationPass
from descend.network.stack import Stack

MOST = 2000  # examples; a unit that none of them moves is as good as dead

Numbers = NDArray[np.float64]


@torch.inference_mode()
def units_of(stack: Stack, examples: Examples) -> dict[str, Numbers]:
    """By name (runs, layers), in evaluation mode.

    dead: the share of a ReLU layer's units that are 0 for every example. saturated: of the
    activations of sigmoid and tanh. difference: how much the examples differ in a layer, the
    standard deviation over the examples beside the root mean square, both of all units.
    """
    x = examples.preparation.inputs(examples.train.x[:MOST], dtype=stack.theta.dtype)
    x = x.reshape(1, -1, x.shape[-1])[:, :MOST].to(stack.theta.device)
    forward = EvaluationPass(stack, x.shape[1])
    found: dict[str, list[list[float]]] = {"dead": [], "saturated": [], "difference": []}
    for block, a in zip(stack.blocks, _activations(forward, x, stack), strict=True):
        none = [np.nan] * stack.runs
        dead = saturated = none
        if block.activation == "relu" and block.batch_norm != "after":
            dead = (a == 0).all(dim=1).double().mean(dim=1).tolist()
        is_saturated = getattr(ACTIVATIONS[block.activation](), "saturated", None)
        if is_saturated is not None and block.batch_norm != "after":
            saturated = is_saturated(a.clone()).double().mean(dim=(1, 2)).tolist()
        size = a.square().mean(dim=(1, 2)).sqrt()
        spread = a.var(dim=1, correction=0).mean(dim=1).sqrt()
        found["dead"].append(dead)
        found["saturated"].append(saturated)
        found["difference"].append((spread / size.clamp(min=1e-30)).tolist())
    return {name: np.array(values).T for name, values in found.items()}


def _activations(forward: EvaluationPass, x: Tensor, stack: Stack) -> Iterator[Tensor]:
    """What each block gives; the next block may overwrite it."""
    x = x.expand(stack.runs, -1, -1)
    given = None
    for layer in forward.layers:
        if isinstance(layer, Linear) and given is not None:
            yield given
        x = given = layer.forward(x)
    assert given is not None
    yield given
