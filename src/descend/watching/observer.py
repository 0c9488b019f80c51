"""Observer: follows a loop from event to event, and samples some of its steps."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any, Concatenate, ParamSpec

import numpy as np
import polars
import torch
from torch import Tensor, is_grad_enabled, nn
from torch.compiler import is_compiling
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from descend.findings.record import Record
from descend.watching import backwards
from descend.watching.anatomy import Anatomy, anatomy_of, is_unfinished
from descend.watching.budget import Budget
from descend.watching.conduct import Conduct
from descend.watching.curve import Curve
from descend.watching.examples import Gathered
from descend.watching.leftovers import states_of
from descend.watching.optimizers import Optimizers
from descend.watching.origins import given_to
from descend.watching.recording import LayerSeen, first_facts, record_of
from descend.watching.sample import Sample, is_rare
from descend.watching.samples import Samples

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
    """What was seen of a loop so far.

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
        self.budget = Budget(every)
        self.anatomy: Anatomy = anatomy_of(model)
        self.conduct, self.samples, self.gathered = Conduct(), Samples(), Gathered()
        self.order, self.curve = self.conduct.order, Curve()
        self.conduct.graphs.now = lambda: self.step
        self.layers: list[LayerSeen] = []
        self.settings: dict[str, Any] = {}
        self.step = -1
        self.is_over = self.is_bystander = False
        self._is_plain = True
        self._on_outputs: str | None = None
        self._is_unfinished = is_unfinished(model)
        self._facts: dict[str, dict[str, float]] | None = None
        self._sample: Sample | None = None
        self._handles: list[RemovableHandle] = []
        self._doors: list[RemovableHandle] = []
        self._before_steps: RemovableHandle | None = None
        self._has_closure = False
        self._asked = 0
        self._is_foreign = False
        self._keep_loss: Callable[[float], None] | None = None
        self._last_optimizer: Callable[[], Optimizer | None] = lambda: None

    def __reduce__(self) -> tuple[Callable[[], Observer], tuple[()]]:
        """A copy of a network takes its hooks along, and must not be watched by half."""
        return _bystander, ()

    def attach(self) -> None:
        """Follow the loop from now on."""
        self.optimizers.know(self.anatomy.parameters.values())
        self.conduct.at_first = states_of(self.anatomy.parameters)
        self._handles = [register_optimizer_step_post_hook(self._after_step)]
        if self.model._compiled_call_impl is None:  # else it would be called while compiling only
            before = self.model.register_forward_pre_hook(self._before_pass, with_kwargs=True)
            self._handles.append(before)
        self._doors = [
            part.register_forward_pre_hook(self._before_part, with_kwargs=True)
            for part in self.anatomy.doors(self.model)
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

    @property
    def is_lost(self) -> bool:
        """Whether the loss is no number any more."""
        rows = self.samples.rows
        if not self.curve.values:
            return bool(rows and rows[-1].is_lost)
        return self.curve.ends_lost if self.is_over else self.curve.is_lost

    def record(self, status: str) -> Record:
        """What is known of the loop by now."""
        settings = {
            **self.settings,
            **self.optimizers.settings,
            "lr": self.optimizers.lr,
            "batch_size": self.gathered.batch_size,
        }
        return record_of(
            self.layers,
            self.samples if self.is_lost else self.samples.known,
            self.gathered,
            self.conduct.loop(self.anatomy),
            settings,
            "diverged" if self.is_lost else status,
            planned=self.step + 1 if status != "running" else 0,
            all_losses=self.curve.losses,
            is_plain=self._is_plain,
            on_outputs=self._on_outputs,
        )

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

    def metrics(self) -> polars.DataFrame:
        """The loss of each step, or of those that were sampled where the others were not seen."""
        losses, rows = self.curve.losses, self.samples.rows
        steps = self.samples.steps
        if len(losses) >= len(rows):
            first = rows[0].step if rows else 0
            per_step = max(1.0, len(losses) / max(1, self.step + 1 - first))
            steps = first + (np.arange(len(losses)) / per_step).astype(np.int64)
        else:
            losses = self.samples.losses
        frame = polars.DataFrame({"step": steps, "train/loss": losses})
        means = frame.group_by("step", maintain_order=True).mean()
        return means.select(polars.lit(0, polars.Int32).alias("run"), "step", "train/loss")

    @guarded
    def _begin_pass(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        """A forward pass that wants more attention than most."""
        if self.is_bystander or _is_transformed():
            return
        order = self.order
        if not is_grad_enabled():
            self._asked += 1
            if is_rare(self._asked):
                self.conduct.look_at_modes(self.anatomy.moded_in(module), trains=False)
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
                except (AttributeError, RuntimeError):  # several roots, or one of several numbers
                    self._keep_loss = None
        return self._sample is not None and not self._is_foreign

    @guarded
    def _begin_backward(self, roots: Any) -> None:
        """A backward pass that wants more attention than most."""
        order = self.order
        self._is_foreign = order.stepped and not order.awaits and order.passes > 0
        if self._is_foreign:  # behind a step and before a pass there is nothing of this network
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
        if not self.curve.is_lost_now or self.is_lost:
            return
        self._sample = self._new_sample()
        self._look_before_steps()
        self._sample.look_at_inputs(given_to(root, self.anatomy))
        self._sample.went_back(root)

    @guarded
    def after_backward(self) -> None:
        """A backward pass is over that is sampled."""
        if (sample := self._sample) is None:
            return
        begin = perf_counter()
        self._settle(sample)
        if self._facts is None:
            has_moved = self.order.has_moved
            called = () if has_moved else self.anatomy.order
            self._facts = {part.name: first_facts(part) for part in called}
        sample.came_back(moves_by_hand=not self.optimizers.count)
        self.budget.pay(begin)

    def _settle(self, sample: Sample) -> None:
        """Keep what a backward pass has shown of the loss."""
        seen = sample.losses[-1]
        if seen.head is not None:
            self.curve.look(seen.head, seen.factor)
            self._keep_loss = self.curve.values.append if self.curve.is_on else None
        if seen.name is not None:
            self._is_plain = seen.is_plain
            self._on_outputs = seen.activation
            self.settings = {
                "loss": seen.name,
                "loss_on": seen.taken_for,
                "reduction": seen.reduction,
            }

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
            self.conduct.owned = self.optimizers.moving
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
        return Sample(self.step, self.anatomy, self.conduct, self.gathered, self._guard)

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
        self._facts = {}
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
        self.conduct.optimizers = self.optimizers.count
        if not self.optimizers.count:
            sample.end_by_hand()
        self._meet_layers(sample)
        row = sample.row()
        if not (row.is_lost and self.samples.rows and self.samples.rows[-1].is_lost):
            self.samples.rows.append(row)
        self.budget.pay(begin)
        self.budget.settle(sample.step)
        self.sampled()

    def _meet_layers(self, sample: Sample) -> None:
        self.anatomy.number_unseen()
        for part in self.anatomy.order[len(self.layers) :]:
            self.layers.append(LayerSeen(part, (self._facts or {}).get(part.name, {})))
        for reading in sample.readings:
            self.layers[reading.part.number - 1].add(reading)
        for number, share in sample.dropout.items():
            self.layers[number - 1].dropout = share

    def _learn_anatomy(self) -> None:
        self._is_unfinished = is_unfinished(self.model)
        self.anatomy = anatomy_of(self.model)
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
