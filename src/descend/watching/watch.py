"""Watch: looks at somebody else's training loop while it runs, and says what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.optimizer import (
    register_optimizer_step_post_hook,
    register_optimizer_step_pre_hook,
)
from torch.utils.hooks import RemovableHandle

from descend.diagnosis.examination import Examination, examine
from descend.errors import NetworkError
from descend.findings.finding import Finding
from descend.findings.record import Record
from descend.findings.rule import rules
from descend.watching import backwards
from descend.watching.anatomy import Anatomy, anatomy_of, is_unfinished
from descend.watching.budget import Budget
from descend.watching.conduct import Conduct
from descend.watching.examples import Gathered
from descend.watching.optimizers import Optimizers
from descend.watching.recording import LayerSeen, first_facts, record_of
from descend.watching.sample import Sample
from descend.watching.samples import Samples
from descend.watching.telling import Telling

ASKED = 8  # passes without gradients that are all looked at, then ever fewer
UNSTEPPED = 16  # backward passes without a step after which there is none to wait for
LOOKS = 0.005  # of the time, for looking through the rules
FIRST_LOOK = 0.03  # seconds that one takes, before it is known

P = ParamSpec("P")


def guarded(
    handle: Callable[Concatenate[Watch, P], None],
) -> Callable[Concatenate[Watch, P], None]:
    """A hook that ends the watch where it fails, and never the loop."""

    @wraps(handle)
    def call(watch: Watch, /, *args: P.args, **kwargs: P.kwargs) -> None:
        try:
            handle(watch, *args, **kwargs)
        except Exception as error:
            watch.step_aside(error)

    return call


class Watch:
    """Looks at the training of a network in anybody's loop.

    optimizer: one, several, or None for those that are seen to step; loss: the criterion, where it
    is a module, None for what backward passes begin with. every: a sample each so many steps, None
    for as many as a budget of 2 % of the time allows.
    findings: what was found so far, causes first; failure: why the watch has stepped aside.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: Optimizer | Iterable[Optimizer] | None = None,
        loss: nn.Module | None = None,
        every: int | None = None,
        *,
        out: Path | str | None = "runs",
        name: str | None = None,
        quiet: bool = False,
    ) -> None:
        self.model, self.criterion = _checked(model, loss, every)
        given = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer or ())
        self.optimizers = Optimizers(given)
        self.name = name or type(model).__name__
        self.out = out
        self.status = "running"
        self.failure: str | None = None
        self.examination: Examination | None = None
        self.anatomy: Anatomy = anatomy_of(model)
        self.conduct, self.samples, self.gathered = Conduct(), Samples(), Gathered()
        self.layers: list[LayerSeen] = []
        self.step = -1
        self._budget = Budget(every)
        self._telling = Telling(quiet=quiet)
        self._sample: Sample | None = None
        self._handles: list[RemovableHandle] = []
        self._asked = 0
        self._settings: dict[str, Any] = {}
        self._is_plain = True
        self._facts: dict[str, dict[str, float]] = {}
        self._is_over = False
        self._begin = self._looked = 0.0
        self._look_takes = FIRST_LOOK

    def start(self) -> Self:
        """Watch from now on."""
        if self._handles or self._is_over:
            return self
        rules()  # imports them now, not in the middle of the loop
        self.optimizers.know(self.anatomy.parameters.values())
        self._handles = [
            self.model.register_forward_pre_hook(self._before_pass, with_kwargs=True),
            register_optimizer_step_pre_hook(self._before_step),
            register_optimizer_step_post_hook(self._after_step),
        ]
        backwards.listen(self)
        self._begin = self._looked = perf_counter()
        return self

    def stop(self, status: str = "finished") -> None:
        """Take all hooks off, and sum up what was found."""
        if self._is_over or not self._handles:
            return
        try:
            self._end_step()
            self._let_go()
            self.status = status
            self.look()
            if self.examination is not None:
                self._telling.sum_up(self.examination)
        except Exception as error:
            self.step_aside(error)
        self._is_over = True

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop("finished" if kind is None else "stopped early")

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found so far, causes first."""
        return () if self.examination is None else self.examination.findings

    def record(self) -> Record:
        """What is known of the loop by now."""
        return record_of(
            self.layers,
            self.samples,
            self.gathered,
            self.conduct.loop(self.anatomy),
            {
                **self._settings,
                **self.optimizers.settings,
                "lr": self.optimizers.lr,
                "batch_size": self.gathered.batch_size,
            },
            self._status(),
            is_plain=self._is_plain,
        )

    def look(self) -> Examination:
        """Look through all rules now."""
        self.examination = examine([self.record()])
        return self.examination

    def step_aside(self, error: Exception) -> None:
        """Watch no more, and say why; the loop goes on."""
        self.failure = f"{type(error).__name__}: {error}"
        self._let_go()
        self._telling.say(
            f"descend stopped watching at step {max(self.step, 0):,}; the loop goes on: "
            f"{self.failure}"
        )

    def _let_go(self) -> None:
        if self._sample is not None:
            self._sample.close_pass()
            self._sample = None
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        backwards.ignore(self)

    @guarded
    def _before_pass(self, module: nn.Module, args: Any, kwargs: Any) -> None:
        if torch.compiler.is_compiling():  # inside a compiled graph, which shows nothing
            return
        if not torch.is_grad_enabled():
            self._look_at_asking()
            return
        conduct = self.conduct
        if not conduct.inside_step and self._is_step_over():
            self._next_step()
        conduct.began_pass()
        if self._sample is not None:
            begin = perf_counter()
            if is_unfinished(self.model) or not self.anatomy.parameters:
                self._learn_anatomy()
            self._sample.open_pass(self.model, self.criterion, (args, kwargs))
            self._pay(begin)

    def _look_at_asking(self) -> None:
        self._asked += 1
        if self._asked <= ASKED or self._asked & (self._asked - 1) == 0:
            self.conduct.look_at_modes(self.anatomy.moded, trains=False)

    @guarded
    def before_backward(self, roots: Any) -> None:
        """A backward pass begins."""
        self.conduct.went_back()
        if self._sample is not None:
            begin = perf_counter()
            moving = self.optimizers.moving or {id(one) for one in self.anatomy.parameters.values()}
            self._sample.went_back(roots, moving)
            self._pay(begin)

    @guarded
    def after_backward(self) -> None:
        """A backward pass is over."""
        if self._sample is not None:
            begin = perf_counter()
            self._keep_settings(self._sample)
            self._look_at_first_weights()
            self._sample.came_back(is_by_hand=not self.optimizers.count)
            self._pay(begin)

    def _look_at_first_weights(self) -> None:
        """Before the first step of all, while the weights are those that it began with."""
        if self.conduct.steps <= self.conduct.inside_step and not self._facts:
            self._facts = {part.name: first_facts(part) for part in self.anatomy.order}

    def _keep_settings(self, sample: Sample) -> None:
        seen = sample.losses[-1] if sample.losses else None
        if seen is not None and seen.name is not None:
            self._settings = {
                "loss": seen.name,
                "loss_on": seen.taken_for,
                "reduction": seen.reduction,
            }
            self._is_plain = seen.is_plain

    @guarded
    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self.optimizers.is_ours(optimizer):
            return
        conduct = self.conduct
        if self.step < 0:
            self._next_step()
        if not conduct.steps and optimizer.state:
            self._go_on_from(optimizer)
        is_new = self.optimizers.is_new(optimizer)
        if conduct.steps:
            conduct.renewed.add(is_new)
        conduct.steps_now()
        conduct.optimizers = self.optimizers.count
        if self._sample is not None:
            begin = perf_counter()
            conduct.inside_step = len(args) > 1 or bool(kwargs)  # a closure does the passes
            self._sample.begin_step(self.optimizers.look(optimizer))
            conduct.owned |= self.optimizers.moving
            self._pay(begin)
        conduct.inside_step = True

    def _go_on_from(self, optimizer: Optimizer) -> None:
        """The optimizer has stepped before anybody watched: its first weights are unknown."""
        taken = [int(one["step"]) for one in optimizer.state.values() if "step" in one]
        self.step = max(1, *taken, 1)
        self._facts = {}
        if self._sample is not None:
            self._sample.step = self.step

    @guarded
    def _after_step(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        if not self.optimizers.is_ours(optimizer):
            return
        self.conduct.inside_step = False
        if self._sample is not None:
            begin = perf_counter()
            self._sample.end_step()
            self._pay(begin)

    def _is_step_over(self) -> bool:
        """Whether the pass that begins now is the first of another step."""
        conduct = self.conduct
        if self.step < 0 or conduct.stepped:
            return True
        sample = self._sample
        waits_in_vain = sample is not None and sample.backwards >= UNSTEPPED
        return waits_in_vain and not conduct.steps

    def _next_step(self) -> None:
        self._end_step()
        self.step += 1
        self.conduct.look_for_graphs(self.step)
        if self._budget.wants(self.step):
            self._sample = Sample(self.step, self.anatomy, self.conduct, self.gathered)

    def _end_step(self) -> None:
        sample, self._sample = self._sample, None
        if sample is None:
            return
        begin = perf_counter()
        self._meet_layers(sample)
        self.samples.add(sample.row())
        self._pay(begin)
        self._look_now_and_then()

    def _meet_layers(self, sample: Sample) -> None:
        for part in self.anatomy.order[len(self.layers) :]:
            self.layers.append(LayerSeen(part, self._facts.get(part.name, {})))
        for reading in sample.readings:
            self.layers[reading.part.number - 1].add(reading)
        for number, share in sample.dropout.items():
            self.layers[number - 1].dropout = share

    def _learn_anatomy(self) -> None:
        self.anatomy = anatomy_of(self.model)
        self.optimizers.know(self.anatomy.parameters.values())

    def _look_now_and_then(self) -> None:
        now = perf_counter()
        if LOOKS * (now - self._looked) < self._look_takes:
            return
        examination = self.look()
        self._telling.tell(self.step, examination.findings)
        self._look_takes = perf_counter() - now
        self._looked = 2 * perf_counter() - now  # ever more rarely
        self._looked = perf_counter()

    def _pay(self, begin: float) -> None:
        self._budget.pay(perf_counter() - begin)

    def _status(self) -> str:
        losses = self.samples.losses
        known = losses[losses == losses]
        if len(losses) and not len(known):
            return self.status
        return self.status


def _checked(model: Any, loss: Any, every: Any) -> tuple[nn.Module, nn.Module | None]:
    if not isinstance(model, nn.Module):
        raise NetworkError(f"`model` must be a torch.nn.Module: {type(model).__name__}")
    if loss is not None and not isinstance(loss, nn.Module):
        raise NetworkError(
            f"`loss` must be a torch.nn.Module: {type(loss).__name__}",
            hint="leave it out: a loss that is computed by functions is read off its graph",
        )
    if every is not None and (not isinstance(every, int) or every < 1):
        raise NetworkError(f"`every` must be a whole number of steps, 1 or more: {every!r}")
    return model, loss
