"""Sample: all that is measured of one step of a loop, from its forward pass to its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from descend.watching.activity import ForwardPass, Reading, by_part
from descend.watching.anatomy import Anatomy
from descend.watching.conduct import Conduct
from descend.watching.examples import Gathered
from descend.watching.graph import Node
from descend.watching.losses import LossSeen, loss_value, read_criterion, read_loss
from descend.watching.movement import Movement, norms
from descend.watching.samples import Row, values_of
from descend.watching.tensors import first_tensor, tensors_in

ROUNDING = 1e-3  # of probabilities that should add up to 1


class Sample:
    """The measurements of one step; its hooks are there for so long only.

    A step may have several forward and backward passes; activities are those of the last forward
    pass before the first backward pass, losses the mean of all.
    """

    def __init__(self, step: int, anatomy: Anatomy, conduct: Conduct, gathered: Gathered) -> None:
        self.step, self.anatomy = step, anatomy
        self.conduct, self.gathered = conduct, gathered
        self.forward: ForwardPass | None = None
        self.readings: list[Reading] = []
        self.dropout: dict[int, float] = {}
        self.movement: Movement | None = None
        self.losses: list[LossSeen] = []
        self.given: LossSeen | None = None
        self.carried: bool | None = None
        self.backwards = 0
        self._handles: list[RemovableHandle] = []
        self._left: list[tuple[Tensor, Tensor]] = []
        self._was_slope = False

    def open_pass(self, model: nn.Module, criterion: nn.Module | None, given: Any) -> None:
        """A forward pass begins."""
        self.close_pass()
        if self.backwards:
            return
        self.forward = ForwardPass(self.anatomy)
        self.forward.attach()
        self.conduct.look_at_modes(self.anatomy.moded, trains=True)
        if (inputs := first_tensor(given)) is not None:
            self.gathered.add_inputs(inputs)
        # last: where the network is a layer itself, it is read before this
        self._handles.append(model.register_forward_hook(self._pass_is_over))
        if criterion is not None:
            self._handles.append(criterion.register_forward_hook(self._criterion_gave))

    def close_pass(self) -> None:
        """Take all hooks off the modules."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self.forward is not None:
            self.forward.detach()
            self.forward = None

    @torch.no_grad()
    def _pass_is_over(self, module: nn.Module, given: Any, outputs: Any) -> None:
        forward = self.forward
        if forward is None:
            return
        self.readings = forward.read(outputs)
        self.dropout = forward.dropout
        self.conduct.called |= forward.called
        forward.detach()
        self.forward = None
        self._handles.pop(0).remove()
        node: Node
        for output in tensors_in(outputs):
            if (node := output.grad_fn) is not None:
                node.metadata["descend"] = self.conduct.mark(self.step)
                self._look_at(output.detach())
                break

    def _look_at(self, output: Tensor) -> None:
        """Whether the network's outputs are probabilities by themselves."""
        if output.dim() != 2 or output.shape[1] < 2 or not output.is_floating_point():
            return
        sums = output.sum(dim=1)
        ones = bool(((sums - 1).abs() < ROUNDING).all() & (output >= 0).all())
        known = self.conduct.are_probabilities
        self.conduct.are_probabilities = ones if known is None else known and ones

    def _criterion_gave(self, module: nn.Module, given: Any, value: Any) -> None:
        self.given = read_criterion(module, given, LossSeen())
        self._look_at_loss(self.given)

    def _look_at_loss(self, seen: LossSeen) -> None:
        self.conduct.look_at_loss(seen)
        self.gathered.add_loss(seen)
        seen.outputs = seen.targets = None

    def went_back(self, roots: Any, moving: set[int]) -> None:
        """A backward pass begins: what it adds to is there still."""
        self.close_pass()
        root = first_tensor(roots)
        seen = read_loss(root, _is_marked)
        if self.given is None:
            self._look_at_loss(seen)
        else:
            seen.name, seen.taken_for = self.given.name, self.given.taken_for
            seen.reduction, seen.is_plain = self.given.reduction, self.given.is_plain
            seen.outputs = seen.targets = None
        self.losses.append(seen)
        if self.conduct.steps:
            self._look_for_left(moving)
        self.backwards += 1

    @torch.no_grad()
    def _look_for_left(self, moving: set[int]) -> None:
        """Whether a gradient is there that a step has used already."""
        parameters = [
            one
            for one in self.anatomy.parameters.values()
            if one.grad is not None and not one.grad.is_sparse and id(one) in moving
        ]
        left = _size(norms([one.grad for one in parameters if one.grad is not None]))
        self._left = []
        if not left > 0:
            self.carried = False
        elif self.backwards == 0:
            self.carried = True
            self._left = [
                (one, one.grad.detach().clone()) for one in parameters if one.grad is not None
            ]

    @torch.no_grad()
    def came_back(self, *, is_by_hand: bool) -> None:
        """A backward pass is over."""
        own = {name: one.grad for name, one in self.anatomy.parameters.items()}
        gradients = [one for one in own.values() if one is not None and not one.is_sparse]
        self.conduct.with_gradient.update(name for name, one in own.items() if one is not None)
        self._was_slope = _size(norms(gradients)) != 0
        if self._left:
            added = [one.grad - left for one, left in self._left if one.grad is not None]
            size, left = _size(norms(added)), _size(norms([left for _, left in self._left]))
            self.conduct.stale_size = left / size if size else None
            self._left = []
        if is_by_hand:
            self.movement = Movement(self.anatomy)
            self.movement.before({id(weight) for weight in self.movement.weights})

    def begin_step(self, ids: set[int]) -> None:
        """An optimizer is about to step over the parameters with these ids."""
        if self.movement is None:
            self.movement = Movement(self.anatomy)
        self.movement.before(ids)
        if not self.conduct.inside_step:
            self._look_for_gradient(ids)
        if self.carried is not None:
            self.conduct.stale.add(self.carried)
            self.carried = None

    def _look_for_gradient(self, ids: set[int]) -> None:
        own = [one for one in self.anatomy.parameters.values() if id(one) in ids]
        gradients = [one.grad for one in own if one.grad is not None]
        is_gone = self._was_slope and all(not one.is_sparse and not one.any() for one in gradients)
        self.conduct.empty.add(not gradients or is_gone)

    def end_step(self) -> None:
        """The optimizer has stepped."""
        if self.movement is None:
            return
        self.movement.after()
        along = self.movement.goes_along()
        sign = -1.0 if any(_is_negated(one) for one in self.losses) else 1.0
        if along is not None and self.backwards and float(along) != 0:
            self.conduct.upwards.add(float(along) * sign > 0)
            self.movement.along.clear()

    def row(self) -> Row:
        """What was measured, once the step is over."""
        self.close_pass()
        layers = len(self.anatomy.order)
        if self.movement is None:
            self.movement = Movement(self.anatomy)
            self.movement.gradient()
        activities: list[Tensor | None] = [None] * layers
        for part, readings in by_part(self.readings):
            activities[part.number - 1] = _mean([one.values for one in readings])
        values = values_of(activities, self.movement.values(), layers)
        return Row(self.step, self._loss(), values)

    def _loss(self) -> Tensor:
        known = [value for one in self.losses if (value := loss_value(one)) is not None]
        if not known:
            return torch.tensor(torch.nan)
        return torch.stack([one.detach().double() for one in known]).mean()


def _is_marked(node: Node) -> bool:
    """Whether a node gave the outputs of the network."""
    return "descend" in node.metadata


def _is_negated(seen: LossSeen) -> bool:
    return seen.factor is not None and bool(seen.factor < 0)


def _size(found: Sequence[Tensor]) -> float:
    """The Euclidean norm of all together."""
    return float(torch.stack([one.cpu() for one in found]).norm()) if found else 0.0


def _mean(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(list(values)).nanmean(dim=0)
