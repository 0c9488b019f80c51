"""Observer: follows a loop from event to event, and samples some of its steps."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any, Concatenate, ParamSpec

import torch
from torch import Tensor, is_grad_enabled, nn
from torch.compiler import is_compiling
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from descend.watching import backwards
from descend.watching.anatomy import anatomy_of, is_unfinished
from descend.watching.budget import Budget
from descend.watching.leftovers import states_of
from descend.watching.observation import Observation
from descend.watching.optimizers import Optimizers
from descend.watching.origins import given_to
from descend.watching.sample import Sample, is_rare

UNSTEPPED = 16  # backward passes without a step, after which there is none to wait for

P = ParamSpec("P")


def guarded(
    handle: Callable[Concatenate[Observer, P], None],
) -> Callable[Concatenate[Observer, P], None]:
    """A hook that ends the watch where it fails, and never the loop."""

    @wraps(handle)
    def call(observer: Observer, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            handle(observer, *args, **kwargs)
        except Exception as error:
            observer.fail(error)

    return call


class Observer:
    """Hooks on a loop; what they see goes into an observation.

    A step begins with the first forward pass after the one before, or with an optimizer's call of a
    closure, or with a backward pass where no forward pass is ever seen; its number counts from 0.
    Where nobody calls the network as a whole, a pass begins with the first of its parts.
    The hooks that stay are three: before the network's forward pass, before a backward pass and
    behind a step. They are written to take next to no time at a step that is not sampled.
    is_bystander: whether it is what a copied or stored network has of one, and does nothing.
    sampled: called after each sample; failed: called with what a hook raised, once all are off.
    """

    def __init__(
        self,
        model: nn.Module,
        criterion: nn.Module | None,
        optimizers: Optimizers,
        every: int | None,
        sampled: Callable[[], None],
        failed: Callable[[Exception], None],
    ) -> None:
        self.model, self.criterion, self.optimizers = model, criterion, optimizers
        self.sampled, self.failed = sampled, failed
        self.budget, self.seen = Budget(every), Observation(model)
        self.order, self.logarithms = self.seen.conduct.order, self.seen.conduct.logarithms
        self.seen.conduct.graphs.now = lambda: self.step
        self.step = -1
        self.is_bystander = False
        self._is_unfinished = is_unfinished(model)
        self._sample: Sample | None = None
        self._handles: list[RemovableHandle] = []
        self._doors: list[RemovableHandle] = []
        self._before_steps: RemovableHandle | None = None
        self._has_closure = False
        self._asked = 0
        self._turn: set[int] = set()
        self._is_foreign = False
        self._keep_loss: Callable[[float], None] | None = None
        self._last_optimizer: Callable[[], Optimizer | None] = lambda: None

    def __reduce__(self) -> tuple[Callable[[], Observer], tuple[()]]:
        """A copy of a network takes its hooks along, and must not be watched by half."""
        return _bystander, ()

    def attach(self) -> None:
        """Follow the loop from now on."""
        self.optimizers.know(self.seen.anatomy.parameters.values())
        self.seen.conduct.at_first = states_of(self.seen.anatomy.parameters)
        self._handles = [register_optimizer_step_post_hook(self._after_step)]
        if self.model._compiled_call_impl is None:  # else it would be called while compiling only
            before = self.model.register_forward_pre_hook(self._before_pass, with_kwargs=True)
            self._handles.append(before)
        self._doors = [
            part.register_forward_pre_hook(self._before_part, with_kwargs=True)
            for part in self.seen.anatomy.doors(self.model)
        ]
        self._look_before_steps()
        backwards.listen(self)

    def detach(self) -> None:
        """Take all hooks off."""
        backwards.ignore(self)
        if self._sample is not None:
            self._sample.close()
            self._sample = None
        for handle in (*self._handles, *self._doors):
            handle.remove()
        self._handles.clear()
        self._doors.clear()
        if self._before_steps is not None:
            self._before_steps.remove()
            self._before_steps = None

    def fail(self, error: Exception) -> None:
        """A hook has failed: there will be no other."""
        self.detach()
        self.failed(error)

    def _before_pass(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if is_compiling():  # inside a compiled graph, which shows nothing
            return
        order = self.order
        if order.stepped and self._sample is None and is_grad_enabled():
            budget, step, now = self.budget, self.step + 1, perf_counter()
            if step < budget.due or now < budget.at:
                self.step, budget.began = step, now
                order.passes += 1
                order.stepped = order.was_early = False
                order.awaits = True
                return
        while self._doors:  # the whole is called, and not its parts
            self._doors.pop().remove()
        self._begin_pass(module, args, kwargs)

    def _before_part(self, part: nn.Module, args: Any, kwargs: Any) -> None:
        if not is_compiling() and not (self.order.awaits and is_grad_enabled()):
            self._begin_pass(part, args, kwargs)

    @guarded
    def _begin_pass(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """A forward pass that wants more attention than most."""
        if self.is_bystander or _is_transformed():
            return
        order = self.order
        if not is_grad_enabled():
            self._asked += 1
            if is_rare(self._asked):
                self.seen.conduct.look_at_modes(self.seen.anatomy.moded_in(module), trains=False)
            return
        if not order.is_inside and self._is_step_over():
            self._next_step()
        order.began_pass()
        if self._sample is not None:
            begin = perf_counter()
            if self._is_unfinished:
                self._learn_anatomy()
            self._sample.open_pass(self.model, self.criterion, (args, kwargs))
            self.budget.pay(begin)

    def before_backward(self, roots: Any) -> bool:
        """A backward pass begins; whether it is sampled."""
        order = self.order
        if self._sample is not None or order.was_early or not order.awaits:
            self._begin_backward(roots)
        else:
            order.backwards += 1
            order.unstepped += 1
            order.awaits = False
            if self._keep_loss is not None:
                try:
                    self._keep_loss(loss := roots.item())
                    if loss - loss != 0:
                        self._look_for_origin(roots)
                    elif self.logarithms.open:
                        self._look_at_logarithms(roots)
                except (AttributeError, RuntimeError):  # several roots, or one of several numbers
                    self._keep_loss = None
        return self._sample is not None and not self._is_foreign

    @guarded
    def _begin_backward(self, roots: Any) -> None:
        """A backward pass that wants more attention than most."""
        order = self.order
        self._is_foreign = order.stepped and not order.awaits and order.passes > 0
        if self._is_foreign:  # behind a step and before a pass there is nothing of this network
            order.aside += 1
            if self._sample is not None:  # nobody knows what it has added to which gradient
                self._sample.leftovers.carried.clear()
            return
        if self.step < 0 or (order.stepped and not order.passes):
            self._next_step()
        order.went_back()
        if self._keep_loss is not None and isinstance(roots, Tensor) and roots.numel() == 1:
            self._keep_loss(roots.item())
        if self._sample is not None:
            begin = perf_counter()
            self._sample.went_back(roots)
            self.budget.pay(begin)

    @guarded
    def _look_for_origin(self, root: Tensor) -> None:
        """The loss is no number for the first time: look at the rest of the step at least."""
        if not self.seen.curve.is_lost_now or self.seen.is_lost:
            return
        self._is_foreign = False
        self._sample = self._new_sample()
        self._look_before_steps()
        self._sample.look_at_inputs(given_to(root, self.seen.anatomy))
        self._sample.went_back(root)

    @guarded
    def _look_at_logarithms(self, root: Tensor) -> None:
        """The gradient of the logarithm of 0, which the loss may not show."""
        self.logarithms.look_again(root, self.step)

    @guarded
    def after_backward(self) -> None:
        """A backward pass is over that is sampled."""
        if (sample := self._sample) is None:
            return
        begin = perf_counter()
        seen = self.seen
        seen.look_at_loss(sample.losses[-1])
        seen.look_at_weights()
        self._keep_loss = seen.curve.values.append if seen.curve.is_on else None
        sample.came_back(moves_by_hand=not self.optimizers.count)
        self.budget.pay(begin)

    @guarded
    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Hooked on while a step is sampled, and where passes are done by closures."""
        if not self.optimizers.is_ours(optimizer):
            return
        order = self.order
        has_closure = any(map(callable, (*args[1:], *kwargs.values())))  # and not None
        if self.step < 0 or (has_closure and order.stepped):
            self._next_step()
        order.is_inside, self._has_closure = has_closure, has_closure
        if not order.steps and optimizer.state:
            self._go_on_from(optimizer)
        if self._sample is not None:
            begin = perf_counter()
            ids = self.optimizers.look(optimizer)
            self.seen.conduct.owned = self.optimizers.moving
            self._sample.begin_step(ids)
            self.budget.pay(begin)

    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        order = self.order
        if self._sample is None and optimizer is self._last_optimizer():
            order.steps += 1
            order.unstepped = 0
            order.was_early = order.awaits
            order.stepped = True
            order.is_inside = False
        else:
            self._end_step_of(optimizer)

    @guarded
    def _end_step_of(self, optimizer: Optimizer) -> None:
        """A step that wants more attention than most."""
        optimizers, order = self.optimizers, self.order
        if not optimizers.is_ours(optimizer):
            return
        order.renewed += optimizers.is_new(optimizer) and order.steps > 0
        self._last_optimizer = weakref.ref(optimizer)
        if self._sample is not None:
            begin = perf_counter()
            self._sample.end_step(optimizers.look(optimizer))
            self.budget.pay(begin)
        order.took_step()

    def _new_sample(self) -> Sample:
        seen = self.seen
        return Sample(self.step, seen.anatomy, seen.conduct, seen.gathered, self._guard)

    def _guard(self, hook: Callable[..., None]) -> Callable[..., None]:
        """The hook of a sample, which ends the watch where it fails."""

        def call(*args: Any) -> None:
            try:
                hook(*args)
            except Exception as error:
                self.fail(error)

        return call

    def _look_before_steps(self) -> None:
        if self._before_steps is None:
            self._before_steps = register_optimizer_step_pre_hook(self._before_step)

    def _look_away_before_steps(self) -> None:
        if self._before_steps is not None and not self._has_closure:
            self._before_steps.remove()
            self._before_steps = None

    def _go_on_from(self, optimizer: Optimizer) -> None:
        """The optimizer has stepped before anybody watched: its first weights are unknown."""
        taken = [int(one["step"]) for one in optimizer.state.values() if "step" in one]
        self.step = max(1, *taken, 1)
        self.seen.forget_beginning()
        if self._sample is not None:
            self._sample.step = self.step

    def _is_step_over(self) -> bool:
        """Whether the forward pass that begins now is the first of another step."""
        order, sample = self.order, self._sample
        if self.step < 0 or order.stepped:
            return True
        if order.steps or not order.unstepped:  # gradients are added up
            return False
        if not order.moves_by_hand and sample is not None:
            order.moves_by_hand = sample.movement.has_moved()
        return order.moves_by_hand or order.unstepped >= UNSTEPPED

    def _next_step(self) -> None:
        self.end_step()
        self.step += 1
        self.order.unstepped = 0
        if self.budget.is_due(self.step):
            self._sample = self._new_sample()
            self._look_before_steps()

    def end_step(self) -> None:
        """The step is over: keep its sample, if it was sampled."""
        sample, self._sample = self._sample, None
        if sample is None:
            return
        begin = perf_counter()
        self._look_away_before_steps()
        self.seen.conduct.optimizers = self.optimizers.count
        if not self.optimizers.count:
            sample.end_by_hand()
        self.seen.keep(sample)
        self.budget.pay(begin)
        self.budget.settle(sample.step)
        if sample.turn == self._turn and len(sample.turn) < self.optimizers.count:
            self.budget.due += 1  # optimizers take turns: the next sample is of another one's
        self._turn = sample.turn
        self.sampled()

    def _learn_anatomy(self) -> None:
        self._is_unfinished = is_unfinished(self.model)
        self.seen.anatomy = anatomy_of(self.model)
        if self._sample is not None:
            self._sample = self._new_sample()


def _is_transformed() -> bool:
    """Whether torch.func transforms the pass, whose tensors hold no numbers that could be read."""
    is_active = getattr(torch._C, "_are_functorch_transforms_active", None)
    return is_active is not None and bool(is_active())


def _bystander() -> Observer:
    """What the hooks of a copied network belong to."""
    optimizers = Optimizers([])
    observer = Observer(nn.Identity(), None, optimizers, None, lambda: None, lambda error: None)
    observer.is_bystander = True
    return observer
