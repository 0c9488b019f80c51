"""Sample: all that is measured of one step of a loop, from its forward pass to its end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, isinf
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from descend.watching.activity import ForwardPass, Guard, Reading, by_part, mean_alone
from descend.watching.anatomy import Anatomy, Part
from descend.watching.conduct import Conduct
from descend.watching.examples import Gathered
from descend.watching.graph import Node
from descend.watching.leftovers import Leftovers
from descend.watching.losses import LossSeen, loss_value, read_criterion, read_losses
from descend.watching.movement import Movement, is_zero
from descend.watching.order import Share
from descend.watching.origins import given_to
from descend.watching.samples import Row, values_of
from descend.watching.tensors import first_tensor, tensors_in


class Sample:
    """The measurements of one step; its hooks are there for so long only.

    A step may have several forward and backward passes; activities are those of the last forward
    pass before the first backward pass, the loss is the mean of all.
    turn: whose it was: of each optimizer that stepped, the least id of its parameters.
    """

    def __init__(
        self, step: int, anatomy: Anatomy, conduct: Conduct, gathered: Gathered, guard: Guard
    ) -> None:
        self.step, self.anatomy, self.guard = step, anatomy, guard
        self.conduct, self.gathered = conduct, gathered
        self.readings: list[Reading] = []
        self.dropout: dict[int, float] = {}
        self.losses: list[LossSeen] = []
        self.backwards = 0
        self.turn: set[int] = set()
        self.movement, self.leftovers = Movement(anatomy), Leftovers(anatomy.parameters)
        self._forward: ForwardPass | None = None
        self._handles: list[RemovableHandle] = []
        self._of_criterion: RemovableHandle | None = None
        self._given: LossSeen | None = None
        self._had_slope = False
        self._unanswered = 0  # forward passes
        self._given_to: Mapping[Part, float] = {}

    def open_pass(self, model: nn.Module, criterion: nn.Module | None, given: Any) -> None:
        """A forward pass begins."""
        self._close_pass()
        self._unanswered += 1
        if criterion is not None and self._of_criterion is None:
            self._of_criterion = criterion.register_forward_hook(self.guard(self._criterion_gave))
        if self.backwards:
            return
        self.readings = []
        if not is_rare(self._unanswered):
            return
        self._forward = ForwardPass(self.anatomy, self.guard)
        self._forward.attach()
        self.conduct.look_at_modes(self.anatomy.moded, trains=True)
        if (inputs := first_tensor(given)) is not None:
            self.gathered.add_inputs(inputs)
        # last: where the network is a layer itself, it is read before this
        self._handles.append(model.register_forward_hook(self.guard(self._pass_is_over)))

    def close(self) -> None:
        """Take all hooks off the modules."""
        self._close_pass()
        if self._of_criterion is not None:
            self._of_criterion.remove()
            self._of_criterion = None

    def _close_pass(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        if self._forward is not None:
            self._forward.detach()
            self._forward = None

    @torch.no_grad()
    def _pass_is_over(self, module: nn.Module, given: Any, outputs: Any) -> None:
        if (output := self._read(outputs)) is not None:
            self.conduct.answers.look_at_output(output.detach())

    def _read(self, ends: Any) -> Tensor | None:
        """Keep what the layers gave, and mark the first of the ends that is part of a graph."""
        if (forward := self._forward) is None:
            return None
        self.readings, self.dropout = forward.read(ends), forward.dropout
        self.conduct.called |= forward.called
        self._close_pass()
        node: Node
        for end in tensors_in(ends):
            if (node := end.grad_fn) is not None:
                metadata: Any = node.metadata
                metadata["descend"] = self.conduct.graphs.mark()
                return end
        return None

    def _criterion_gave(self, module: nn.Module, given: Any, value: Any) -> None:
        seen = read_criterion(module, given, value)
        if seen.name is not None:  # of another kind, the graph tells more
            self._given = seen
            self._look_at_loss(seen)

    def _look_at_loss(self, seen: LossSeen) -> None:
        self.conduct.answers.look_at_loss(seen)
        self.gathered.add_loss(seen)
        seen.outputs = seen.targets = None

    def look_at_inputs(self, given_to: Mapping[Part, float]) -> None:
        """The mean of what each layer was given, where the loss is no number."""
        self._given_to = given_to

    @torch.no_grad()
    def went_back(self, roots: Any) -> None:
        """A backward pass begins: the gradient that it adds to is still what it was."""
        root = first_tensor(roots)
        seen, *others = read_losses(root, _is_marked)
        self._read(roots)  # of a pass that nobody has seen the end of
        self._close_pass()
        if self._given is None:
            for one in (seen, *others):
                self._look_at_loss(one)
        else:
            seen.describe_as(self._given)
        self.losses.append(seen)
        if root is not None and seen.root is not None:
            is_lost = not isfinite(seen.root)
            self.conduct.logarithms.look(root, self.step, is_lost=is_lost)
        if root is not None and self.is_lost and not self._given_to:
            self.look_at_inputs(given_to(root, self.anatomy))
        self._unanswered = 0
        has_moved = self.conduct.order.has_moved
        self.leftovers.before_backward(is_first=not self.backwards, has_moved=has_moved)
        self.backwards += 1

    @torch.no_grad()
    def came_back(self, *, moves_by_hand: bool) -> None:
        """A backward pass is over; whether nobody but the loop itself will move the weights."""
        self.leftovers.after_backward()
        self.conduct.look_at_gradients(self.anatomy.parameters)
        gradients = [one.grad for one in self.anatomy.parameters.values() if one.grad is not None]
        self._had_slope = not all(map(is_zero, gradients))
        if moves_by_hand:
            self.movement.slope()
            self.movement.before()
        elif self.conduct.order.is_inside and self.backwards == 1:
            self.movement.slope()

    @torch.no_grad()
    def begin_step(self, ids: set[int]) -> None:
        """An optimizer is about to step over the parameters with these ids."""
        self.movement.before(ids)
        if self.conduct.order.is_inside:
            return
        if self._of_criterion is not None:
            self._of_criterion.remove()
        self.movement.slope(ids)
        self._look_for_gradient(ids)
        self._judge_leftovers(ids)

    def _look_for_gradient(self, ids: set[int]) -> None:
        own = [one for one in self.anatomy.parameters.values() if id(one) in ids]
        gradients = [one.grad for one in own if one.grad is not None]
        is_gone = self._had_slope and all(map(is_zero, gradients))
        self.conduct.empty.add(not gradients or is_gone)
        if not self.conduct.order.backwards and not all(map(is_zero, gradients)):
            self.conduct.is_given_gradients = True
            self.conduct.look_at_gradients(self.anatomy.parameters)

    def _judge_leftovers(self, ids: set[int] | None = None) -> None:
        if self.backwards and (judged := self.leftovers.judge(ids)) is not None:
            is_stale, size = judged
            key = min(ids, default=0) if ids else 0
            is_known = key in self.conduct.stale
            share = self.conduct.stale.setdefault(key, Share())
            if is_known or is_stale:  # it may be the first step of one of several optimizers
                share.add(is_stale)
            self.conduct.stale_size = size if is_stale else self.conduct.stale_size

    @torch.no_grad()
    def end_step(self, ids: set[int]) -> None:
        """An optimizer has moved the parameters with these ids."""
        self.turn.add(min(ids, default=0))
        self._judge_leftovers(ids)  # of what a closure has done
        self._end()

    @torch.no_grad()
    def end_by_hand(self) -> None:
        """The loop has moved the weights by itself, or nobody has."""
        if self.movement.has_moved():
            self._judge_leftovers()
        self._end()

    def _end(self) -> None:
        self.movement.after()
        along = self.movement.along()
        is_negated = any(one.is_negated for one in self.losses)
        if along is not None and self.backwards:
            self.conduct.along.append(-along if is_negated else along)

    def row(self) -> Row:
        """What was measured, once the step is over."""
        self.close()
        self.movement.before(())
        layers = len(self.anatomy.order)
        activities: list[Tensor | None] = [None] * layers
        for part, readings in by_part(self.readings):
            activities[part.number - 1] = _mean([one.values for one in readings])
        for part, mean in self._given_to.items():
            if part.number > 1 and activities[part.number - 2] is None:
                activities[part.number - 2] = mean_alone(mean)
        parts = {part: place for place, part in enumerate(self.movement.parts)}
        places = torch.tensor([parts[part] for part in self.anatomy.order], dtype=torch.int64)
        movement = self.movement.values().index_select(1, places)
        return Row(self.step, self._loss(), values_of(activities, movement), self.is_lost)

    @property
    def is_lost(self) -> bool:
        """Whether a loss was seen that is no number."""
        return any(one.root is not None and not isfinite(one.root) for one in self.losses)

    @property
    def has_lost_inputs(self) -> bool:
        """Whether the first layer was given what is no number."""
        return any(part.number == 1 and isinf(mean) for part, mean in self._given_to.items())

    def _loss(self) -> float:
        known = [value for one in self.losses if (value := loss_value(one)) is not None]
        return sum(known) / len(known) if known else float("nan")


def is_rare(number: int) -> bool:
    """Whether this is one of the first, or one of ever fewer: 1, 2, 4, 8, ..."""
    return number & (number - 1) == 0


def _is_marked(node: Node) -> bool:
    """Whether a node gave the outputs of the network."""
    return "descend" in node.metadata


def _mean(values: Sequence[Tensor]) -> Tensor:
    return values[0] if len(values) == 1 else torch.stack(list(values)).nanmean(dim=0)
