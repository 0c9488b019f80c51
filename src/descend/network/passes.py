"""Passes: a batch through a stack, forward and back in training, forward alone in evaluation.

Which of the two it is belongs to the pass: an evaluation pass has no dropout and no batch
statistics to forget about. A pass owns the buffers for one size of batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from descend.network.activations import Activation, Identity, activation_of
from descend.network.batch_norm import BatchNorm, FrozenBatchNorm
from descend.network.dropout import Dropout
from descend.network.linear import Linear, wants_room
from descend.network.losses import Objective
from descend.network.stack import BlockViews, Stack
from descend.network.woven import Weave, WovenLinear, is_worth_weaving


@runtime_checkable
class Forward(Protocol):
    """What an evaluation needs of a layer."""

    def forward(self, x: Tensor) -> Tensor: ...


@runtime_checkable
class Layer(Forward, Protocol):
    """What a training needs of a layer."""

    def backward(self, slope: Tensor) -> Tensor | None: ...


class TrainingPass:
    """Outputs, loss and every gradient of a batch, in training mode.

    weight_factor multiplies the weights' gradients but not the biases': 1, but for the published
    fault of summing the ones and averaging the others.
    """

    def __init__(
        self, stack: Stack, objective: Objective, batch: int, weight_factor: float = 1.0
    ) -> None:
        self.objective = objective
        self.layers: list[Layer] = []
        self.activations: list[Activation] = []
        self.dropouts: list[Dropout] = []
        self.penalties: list[tuple[Tensor, Tensor, Tensor | None, Tensor | None]] = []
        self.weave = Weave(stack, batch) if is_worth_weaving(stack, batch) else None
        held = self.weave or stack
        room = None if self.weave else room_for([views.w for views in stack.views], batch)
        self.weight_slopes = [slopes.w for slopes in held.slopes]
        self.weight_factor = weight_factor
        for place, block in enumerate(stack.blocks):
            views, slopes = held.views[place], held.slopes[place]
            linear = linear_of(views, slopes, self.weave, batch, is_first=place == 0, room=room)
            activation = activation_of(block.activation, block.slope)
            self.activations.append(activation)
            self.layers += [linear, activation]
            if block.batch_norm:
                norm = batch_norm_of(views, slopes, stack, place, batch)
                self.layers.insert(-1 if block.batch_norm == "before" else len(self.layers), norm)
            rate = stack.per_run(place, "dropout")
            if rate.any():
                self.dropouts.append(Dropout(rate, stack.seeds, place, batch, block.fan_out))
                self.layers.append(self.dropouts[-1])
            l1, l2 = stack.per_run(place, "l1"), stack.per_run(place, "l2")
            if l1.any() or l2.any():
                self.penalties.append(
                    (views.w, slopes.w, l1 if l1.any() else None, 2 * l2 if l2.any() else None)
                )
        self.trail: list[Tensor] = [stack.theta] * len(self.layers)
        self.places = [self.layers.index(activation) for activation in self.activations]

    def forward(
        self, x: Float[Tensor, "runs batch features"], y: Tensor, weight: Tensor | None, step: int
    ) -> Float[Tensor, " runs"]:
        """The loss of each run on this batch; the dropout masks are those of `step`."""
        if self.weave is not None:
            self.weave.take_parameters()
        for dropout in self.dropouts:
            dropout.begin(step)
        for place, layer in enumerate(self.layers):
            self.trail[place] = x = layer.forward(x)
        self.outputs, self.y, self.weight = x, y, weight
        return self.objective.value(x, y, weight)

    def activity(self) -> list[tuple[Activation, Tensor]]:
        """Each block's activation and what it gave; valid between `forward` and `backward`."""
        given = (self.trail[place] for place in self.places)
        return list(zip(self.activations, given, strict=True))

    def penalty(self) -> Float[Tensor, " runs"] | float:
        """l1 Σ|w| + l2 Σw² of each run; no part of the loss that is reported."""
        total: Tensor | float = 0.0
        for w, _, l1, twice_l2 in self.penalties:
            if l1 is not None:
                total = total + (w.abs() * l1).sum(dim=(1, 2))
            if twice_l2 is not None:
                total = total + (w.square() * twice_l2).sum(dim=(1, 2)) / 2
        return total

    def backward(self) -> None:
        """Fill the stack's gradient: of the loss, and of the penalties l1 Σ|w| and l2 Σw²."""
        slope: Tensor | None = self.objective.slope(self.outputs, self.y, self.weight)
        for layer in reversed(self.layers):
            assert slope is not None
            slope = layer.backward(slope)
        if self.weight_factor != 1:
            for dw in self.weight_slopes:
                dw.mul_(self.weight_factor)
        for w, dw, l1, twice_l2 in self.penalties:
            if l1 is not None:
                dw.addcmul_(w.sign(), l1)
            if twice_l2 is not None:
                dw.addcmul_(w, twice_l2)
        if self.weave is not None:
            self.weave.give_gradient()


class EvaluationPass:
    """Outputs of a batch, in evaluation mode."""

    def __init__(self, stack: Stack, batch: int) -> None:
        layers: list[Forward] = []
        for place, block in enumerate(stack.blocks):
            views, slopes = stack.views[place], stack.slopes[place]
            layers.append(Linear(views.w, views.b, slopes.w, slopes.b, batch, is_first=True))
            activation = activation_of(block.activation, block.slope)
            layers.append(activation)
            running = stack.running[place]
            if views.scale is not None and views.shift is not None and running is not None:
                eps = stack.per_run(place, "batch_norm_eps")
                norm = FrozenBatchNorm(views.scale, views.shift, *running, eps)
                layers.insert(-1 if block.batch_norm == "before" else len(layers), norm)
        self.layers = [layer for layer in layers if not isinstance(layer, Identity)]

    def forward(
        self, x: Float[Tensor, "runs batch features"]
    ) -> Float[Tensor, "runs batch outputs"]:
        """The outputs, in a buffer that the next call overwrites."""
        for layer in self.layers:
            x = layer.forward(x)
        return x


def linear_of(
    views: BlockViews,
    slopes: BlockViews,
    weave: Weave | None,
    batch: int,
    *,
    is_first: bool,
    room: Tensor | None,
) -> Linear | WovenLinear:
    """The affine map of a block."""
    parameters = views.w, views.b, slopes.w, slopes.b
    if weave is None:
        return Linear(*parameters, batch, is_first=is_first, room=room)
    return WovenLinear(*parameters, weave, batch, is_first=is_first)


def room_for(weights: Sequence[Tensor], batch: int) -> Tensor | None:
    """Room for the gradient of the largest of those weights that want it."""
    sizes = [w.numel() for w in weights if wants_room(w, batch)]
    return weights[0].new_empty(max(sizes)) if sizes else None


def batch_norm_of(
    views: BlockViews, slopes: BlockViews, stack: Stack, place: int, batch: int
) -> BatchNorm:
    """The batch normalisation of a block that has one."""
    running = stack.running[place]
    assert views.scale is not None and views.shift is not None
    assert slopes.scale is not None and slopes.shift is not None and running is not None
    settings = (stack.per_run(place, f"batch_norm_{name}") for name in ("eps", "momentum"))
    own = views.scale, views.shift, slopes.scale, slopes.shift
    return BatchNorm(*own, *running, batch, *settings)
