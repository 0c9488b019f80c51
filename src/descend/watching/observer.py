"""Observer: follows a loop from event to event, and decides which of its steps are sampled."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any, Concatenate, ParamSpec

import torch
from torch import nn
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
from descend.watching.curve import LOST, Curve
from descend.watching.examples import Gathered
from descend.watching.optimizers import Optimizers
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
        self.curve = Curve()
        self.layers: list[LayerSeen] = []
        self.settings: dict[str, Any] = {}
        self.step = -1
        self._is_plain = True
        self._is_unfinished = is_unfinished(model)
        self._facts: dict[str, dict[str, float]] | None = None
        self._sample: Sample | None = None
        self._handles: list[RemovableHandle] = []
        self._doors: list[RemovableHandle] = []
        self._asked = 0
        self._depth = 0
        self._is_foreign = False

    def attach(self) -> None:
        """Follow the loop from now on."""
        self.optimizers.know(self.anatomy.parameters.values())
        self._handles = [
            self.model.register_forward_pre_hook(self._before_pass, with_kwargs=True),
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        self._doors = [
            part.register_forward_pre_hook(self._before_part, with_kwargs=True)
            for part in self.anatomy.doors(self.model)
        ]
        backwards.listen(self)

    def detach(self) -> None:
        """Take all hooks off."""
        if self._sample is not None:
            self._sample.close()
            self._sample = None
        for handle in (*self._handles, *self._doors):
            handle.remove()
        self._handles.clear()
        self._doors.clear()
        backwards.ignore(self)

    def fail(self, error: Exception) -> None:
        """A hook has failed: there will be no other."""
        self.detach()
        self.failed(error)

    @property
    def is_lost(self) -> bool:
        """Whether the loss is no number any more."""
        rows = self.samples.rows
        return self.curve.lost >= LOST or bool(rows and rows[-1].is_lost)

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
            self.samples,
            self.gathered,
            self.conduct.loop(self.anatomy),
            settings,
            "diverged" if self.is_lost else status,
            planned=self.step + 1 if status != "running" else 0,
            is_plain=self._is_plain,
        )

    @guarded
    def _before_pass(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():  # inside a compiled graph, which shows nothing
            return
        while self._doors:  # the whole is called, and not its parts
            self._doors.pop().remove()
        self._begin_pass(module, args, kwargs)

    @guarded
    def _before_part(self, part: nn.Module, args: Any, kwargs: Any) -> None:
        is_begun = self.conduct.awaits and torch.is_grad_enabled()
        if not torch.compiler.is_compiling() and not is_begun:
            self._begin_pass(part, args, kwargs)

    def _begin_pass(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        conduct = self.conduct
        if not torch.is_grad_enabled():
            self._asked += 1
            if is_rare(self._asked):
                conduct.look_at_modes(self.anatomy.moded_in(module), trains=False)
            return
        if not conduct.inside_step and self._is_step_over():
            self._next_step()
        conduct.began_pass()
        if self._sample is not None:
            begin = perf_counter()
            if self._is_unfinished:
                self._learn_anatomy()
            self._sample.open_pass(self.model, self.criterion, (args, kwargs))
            self.budget.pay(begin)

    @guarded
    def before_backward(self, roots: Any) -> None:
        """A backward pass begins."""
        self._depth += 1
        if self._depth > 1:  # one that another one has begun
            return
        conduct = self.conduct
        self._is_foreign = conduct.stepped and not conduct.awaits and conduct.passes > 0
        if self._is_foreign:  # behind a step and before a pass there is nothing of this network
            return
        if self.step < 0 or (conduct.stepped and not conduct.passes):
            self._next_step()
        conduct.went_back()
        self.curve.add(self.step, roots)
        if self._sample is not None:
            begin = perf_counter()
            self._sample.went_back(roots, self.optimizers.moving or self.anatomy.ids)
            self.budget.pay(begin)

    @guarded
    def after_backward(self) -> None:
        """A backward pass is over."""
        self._depth -= 1
        if self._depth or self._is_foreign or (sample := self._sample) is None:
            return
        begin = perf_counter()
        self._settle(sample)
        if self._facts is None:
            self._facts = {}
            if not self.conduct.has_moved:
                self._facts = {part.name: first_facts(part) for part in self.anatomy.order}
        sample.came_back(moves_by_hand=not self.optimizers.count)
        self.budget.pay(begin)

    def _settle(self, sample: Sample) -> None:
        """Keep what a backward pass has shown of the loss."""
        seen = sample.losses[-1]
        self.curve.factor = seen.factor
        if seen.name is not None:
            self._is_plain = seen.is_plain
            self.settings = {
                "loss": seen.name,
                "loss_on": seen.taken_for,
                "reduction": seen.reduction,
            }

    @guarded
    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self.optimizers.is_ours(optimizer):
            return
        conduct = self.conduct
        has_closure = len(args) > 1 or bool(kwargs)  # which does the passes
        if self.step < 0 or (has_closure and conduct.stepped):
            self._next_step()
        if not conduct.steps and optimizer.state:
            self._go_on_from(optimizer)
        is_new = self.optimizers.is_new(optimizer)
        if conduct.steps:
            conduct.renewed.add(is_new)
        conduct.steps_now()
        conduct.inside_step = has_closure
        if self._sample is not None:
            begin = perf_counter()
            ids = self.optimizers.look(optimizer)
            conduct.owned, conduct.optimizers = self.optimizers.moving, self.optimizers.count
            self._sample.begin_step(ids)
            self.budget.pay(begin)

    @guarded
    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self.optimizers.is_ours(optimizer):
            return
        if self._sample is not None:
            begin = perf_counter()
            self._sample.end_step()
            self.budget.pay(begin)
        self.conduct.inside_step, self.conduct.stepped = False, True

    def _go_on_from(self, optimizer: Optimizer) -> None:
        """The optimizer has stepped before anybody watched: its first weights are unknown."""
        taken = [int(one["step"]) for one in optimizer.state.values() if "step" in one]
        self.step = max(1, *taken, 1)
        self._facts = {}
        if self._sample is not None:
            self._sample.step = self.step

    def _is_step_over(self) -> bool:
        """Whether the forward pass that begins now is the first of another step."""
        conduct, sample = self.conduct, self._sample
        if self.step < 0 or conduct.stepped:
            return True
        if conduct.steps or not conduct.unstepped:  # gradients are added up
            return False
        if not conduct.moves_by_hand and sample is not None:
            conduct.moves_by_hand = sample.movement.has_moved()
        return conduct.moves_by_hand or conduct.unstepped >= UNSTEPPED

    def _next_step(self) -> None:
        self.end_step()
        self.step += 1
        self.conduct.unstepped = 0
        self.conduct.look_for_graphs(self.step)
        if self.budget.wants(self.step):
            self._sample = Sample(self.step, self.anatomy, self.conduct, self.gathered)

    def end_step(self) -> None:
        """The step is over: keep its sample, if it was sampled."""
        sample, self._sample = self._sample, None
        if sample is None:
            return
        begin = perf_counter()
        if not self.optimizers.count:
            sample.end_by_hand()
        self._meet_layers(sample)
        row = sample.row()
        if not (row.is_lost and self.samples.rows and self.samples.rows[-1].is_lost):
            self.samples.rows.append(row)
        self.budget.pay(begin)
        self.budget.settle()
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
            self._sample = Sample(self.step, self.anatomy, self.conduct, self.gathered)
