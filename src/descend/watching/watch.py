"""Watch: looks at somebody else's training loop while it runs, and says what is wrong with it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from pathlib import Path
from time import perf_counter
from types import TracebackType
from typing import Any, Self

from torch import nn
from torch.optim import Optimizer

from descend.diagnosis.examination import Examination, examine
from descend.errors import NetworkError
from descend.findings.finding import Finding
from descend.findings.measured import NotMeasured
from descend.findings.record import Record
from descend.findings.rule import Rule, rules
from descend.runs.facts import setting
from descend.watching.folder import Seen, WatchedFolder
from descend.watching.observer import Observer
from descend.watching.optimizers import Optimizers
from descend.watching.raised import loss_refused, of_torch, told
from descend.watching.telling import Telling

LOOKS = 0.004  # of the time, for looking through the rules and writing what was found
EARLY = 10  # steps, in which one of several optimizers may not have had its turn
FIRST_LOOK = 0.03  # seconds that one takes, before that is known
BEFORE = "_descend_was_handled_before"  # a mark: an exception that is kept would keep its tensors


class Watch:
    """Looks at the training of a network in anybody's loop.

    findings: what was found so far, causes first; examination: the same with all that was looked
    for; status: "running", "finished", "stopped early" by an exception, or "diverged"; folder: of
    the run, once there is one; failure: why the watch has stepped aside.
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
        _check(model, loss, every)
        given = [optimizer] if isinstance(optimizer, Optimizer) else list(optimizer or ())
        self.name = name or type(model).__name__
        self.status = "running"
        self.failure: str | None = None
        self.examination: Examination | None = None
        self.observer = Observer(
            model, loss, Optimizers(given), every, self._look_now_and_then, self._step_aside
        )
        self._folder = None if out is None else WatchedFolder(out, self.name)
        self._telling = Telling(quiet=quiet)
        self._is_on = self._is_over = False
        self._began = self._looked = 0.0
        self._look_takes = FIRST_LOOK

    def __repr__(self) -> str:
        seen = "" if self.examination is None else f": {self.examination.in_short}"
        return f"<Watch of {self.name}, {self.status}{seen}>"

    def start(self) -> Self:
        """Watch from now on."""
        if self._is_on or self._is_over:
            return self
        rules()  # imports them now, not in the middle of the loop
        self._is_on = True
        self._began = self._looked = perf_counter()
        for error in _being_handled():
            error.__dict__[BEFORE] = True
        self.observer.attach()
        return self

    def stop(self, status: str | None = None) -> None:
        """Take all hooks off, and sum up what was found.

        In a `finally` or an `except` that a call of torch has led to, after the start: where it
        raised. status: "finished" unless that is so, or another one is given.
        """
        error = sys.exception()
        if error is not None and (vars(error).get(BEFORE) or not of_torch(error)):
            error = None
        self._end(status or ("finished" if error is None else "stopped early"), error)

    def _end(self, status: str, error: BaseException | None) -> None:
        if not self._is_on:
            return
        self._is_on, self._is_over = False, True
        try:
            self.observer.end_step()
            self.observer.detach()
            self.observer.seen.is_over = True
            self.status = "diverged" if self.observer.seen.is_lost else status
            if isinstance(error, Exception):
                self._look_at_end(error)
            self._sum_up()
        except Exception as failure:
            self.observer.detach()
            self._step_aside(failure)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end("finished" if kind is None else "stopped early", error)

    @property
    def folder(self) -> Path | None:
        """That of the run, once there is one."""
        is_there = self._folder is not None and self._folder.path.is_dir()
        return self._folder.path if self._folder is not None and is_there else None

    @property
    def findings(self) -> Sequence[Finding]:
        """What was found so far, causes first."""
        return () if self.examination is None else self.examination.findings

    def record(self) -> Record:
        """What is known of the loop by now."""
        observer = self.observer
        return observer.seen.record(self.status, observer.step + 1, observer.optimizers.known)

    def look(self) -> Examination:
        """Look through all rules now."""
        record = self.record()
        try:
            self.examination = examine([record])
        except Exception as error:  # one rule that fails leaves the others their say
            self.failure = f"{type(error).__name__}: {error}"
            self.examination = examine([record], [rule for rule in rules() if can(rule, record)])
        return self.examination

    def _look_now_and_then(self) -> None:
        """After a sample: look, where the time since the last look has earned it."""
        begin = perf_counter()
        if not self._is_on or LOOKS * (begin - self._looked) < self._look_takes:
            return
        examination = self.look()
        if self.observer.step >= EARLY:
            self._telling.tell(self.observer.step, examination.findings)
        self._save(examination)
        self._looked = perf_counter()
        self._look_takes = self._looked - begin

    def _look_at_end(self, error: Exception) -> None:
        """The loop has raised: say where, and look at the targets that a loss has refused."""
        observer = self.observer
        self._telling.say(told(error, observer.model, max(observer.step, 0)))
        if (refused := loss_refused(error)) is not None:
            observer.seen.conduct.answers.look_at_loss(refused)

    def _sum_up(self) -> None:
        if reason := self._saw_nothing():
            self._telling.say(reason)
        else:
            examination = self.look()
            self._telling.sum_up(examination)
            if self.failure is not None:
                self._telling.say(f"some checks failed: {self.failure}")
            self._save(examination)
            if self._folder is not None:
                self._folder.close()
                self._telling.say(f"run: {self._folder.path}")

    def _save(self, examination: Examination) -> None:
        if self._folder is None:
            return
        seen, losses = self.observer.seen, self.observer.seen.samples.losses
        facts = {
            "name": self.name,
            "status": self.status,
            "seconds": round(perf_counter() - self._began, 3),
            "steps": self.observer.order.steps,
            "loop": vars(seen.loop),
            "layers": [vars(layer) for layer in self.record().layers],
            "metrics": {"train/loss": float(losses[-1])} if len(losses) else {},
            **setting(next(iter(seen.anatomy.parameters.values())).device),
        }
        metrics = seen.metrics(self.observer.step + 1)
        self._folder.write(Seen(facts, seen.trace(), metrics, examination))

    def _saw_nothing(self) -> str | None:
        order, anatomy = self.observer.order, self.observer.seen.anatomy
        if not anatomy.parameters:
            return f"descend: {self.name} has no parameters, there was nothing to watch"
        if not (order.passes or order.backwards or order.steps):
            return f"descend: nothing happened to {self.name}: is it the module that is trained?"
        return None

    def _step_aside(self, error: Exception) -> None:
        """Watch no more, and say why; the loop goes on."""
        self.failure = f"{type(error).__name__}: {error}"
        self._is_on, self._is_over = False, True
        self._telling.say(
            f"descend stopped watching at step {max(self.observer.step, 0):,}, the loop goes on: "
            f"{self.failure}"
        )


def watch(
    model: nn.Module,
    optimizer: Optimizer | Iterable[Optimizer] | None = None,
    loss: nn.Module | None = None,
    every: int | None = None,
    *,
    out: Path | str | None = "runs",
    name: str | None = None,
    quiet: bool = False,
) -> Watch:
    """Watch the training of any torch module in anybody's loop, and say what is wrong with it.

    `with descend.watch(model) as watch:` around the loop, or `watch.start()` and `watch.stop()`.
    The loop computes bit for bit what it computes unwatched.
    optimizer: one or several; None for those that are seen to step over the module's parameters.
    loss: the criterion, where it is a module; None reads the loss off its graph.
    every: a sample each so many steps; None for as many as 2 % of the time allow.
    out: the folder that the run's folder is made in; None keeps all in memory.
    quiet: print nothing; else each finding once on stderr, and in the end all of them.
    """
    return Watch(model, optimizer, loss, every, out=out, name=name, quiet=quiet)


def _being_handled() -> Iterator[BaseException]:
    """The exception that is being handled, and those that it came from in turn."""
    error = sys.exception()
    while error is not None:
        yield error
        error = error.__context__


def can(rule: Rule, record: Record) -> bool:
    """Whether a rule can look at a record."""
    try:
        rule.findings(record)
    except NotMeasured:
        return True
    except Exception:  # whatever it is: the loop is somebody else's, and `failure` has told of it
        return False
    return True


def _check(model: Any, loss: Any, every: Any) -> None:
    """Raise NetworkError for what cannot be watched."""
    if not isinstance(model, nn.Module):
        raise NetworkError(f"`model` must be a torch.nn.Module: {type(model).__name__}")
    if loss is not None and not isinstance(loss, nn.Module):
        raise NetworkError(
            f"`loss` must be a torch.nn.Module: {type(loss).__name__}",
            hint="leave it out: a loss that is computed by functions is read off its graph",
        )
    is_whole = isinstance(every, Integral) and not isinstance(every, bool)
    if every is not None and (not is_whole or every < 1):
        raise NetworkError(f"`every` must be a whole number of steps, 1 or more: {every!r}")
