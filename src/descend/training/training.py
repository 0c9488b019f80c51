"""Training: everything that moves while a stack learns, and the loop that moves it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from time import perf_counter
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.data.batches import Batches
from descend.data.examples import Examples
from descend.network.architecture import architecture_of
from descend.network.losses import LOSSES, Objective
from descend.network.stack import Stack
from descend.optimizers.build import build
from descend.recipe import Recipe
from descend.state import part
from descend.trace.trace import Trace
from descend.training.agreement import check_agreement, evaluated_splits
from descend.training.evaluation import Evaluator, decision_of
from descend.training.executor import Executor
from descend.training.history import History
from descend.training.pretraining import Pretraining
from descend.training.progress import Machine, Progress, Watcher
from descend.training.rates import Rates
from descend.training.stopping import EarlyStopping
from descend.training.targets import encode

__all__ = ["Progress", "Training", "Watcher"]

STATUS = ("running", "finished", "diverged", "stopped early")
# What an advance holds at most: a training can be interrupted between two of them only.
STEPS_AT_ONCE = 256
WORK_AT_ONCE = 5e9  # floating-point operations: some 50 ms of a CPU


@runtime_checkable
class Stateful(Protocol):
    """A part of a training that remembers something between steps."""

    def state(self) -> dict[str, Tensor]: ...

    def load_state(self, state: dict[str, Tensor]) -> None: ...


class Training:
    """The runs of one stack in training.

    recipes: completed and of one structure; they may differ in numbers and seeds. Row i of the
    stack is the run `active[i]`: one that diverges or stops early leaves it, with its weights.
    """

    def __init__(
        self, recipes: Sequence[Recipe], examples: Examples, device: torch.device | str = "cpu"
    ) -> None:
        check_agreement(recipes)
        self.recipes, self.recipe = list(recipes), recipes[0]
        given = self.recipe.training
        assert given.loss and given.loss_on and given.optimizer and given.epochs
        self.loss = LOSSES[given.loss, given.loss_on]()
        self.examples = encode(examples.to(device), self.recipe, self.loss)
        seeds = [recipe.training.seed for recipe in recipes]
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        architectures = [architecture_of(recipe, examples.features) for recipe in recipes]
        dtype = getattr(torch, given.dtype)
        self.stack = Stack(architectures, seeds, dtype=dtype, device=device)
        self.stack.initialise(generators)
        self.batches = Batches(
            self.examples.train,
            self.examples.preparation,
            batch_size=None if given.batch_size == "all" else given.batch_size,
            shuffle=given.shuffle,
            drop_last=given.drop_last,
            generators=generators,
            device=device,
            dtype=dtype,
        )
        self.steps_per_epoch = self.batches.steps_per_epoch
        self.total = given.epochs * self.steps_per_epoch
        if given.steps is not None:
            self.total = min(self.total, given.steps)
        rows = [recipe.training.optimizer_settings for recipe in recipes]
        first = self.stack.blocks[0]
        optimizer = build(
            given.optimizer, self.stack.theta, rows, sparse_rows=(first.fan_in, first.fan_out)
        )
        schedules = [recipe.training.schedule for recipe in recipes]
        self.rates = Rates(optimizer, schedules, self.steps_per_epoch, self.total)
        self.trace = Trace(
            len(recipes),
            [block.activation for block in self.stack.blocks],
            every=given.measure_every,
            first=given.measure_first,
        )
        objective = Objective(self.loss, "sum" if given.reduction == "sum" else "mean")
        self.executor = Executor(self.stack, objective, optimizer, self.rates, self.trace, recipes)
        self.evaluated = evaluated_splits(self.recipe, self.examples)
        rule = given.early_stopping
        self.stopping = None if rule is None else EarlyStopping(rule, self.stack)
        self.history = History(len(recipes))
        self.status = ["running"] * len(recipes)
        self.departed: dict[int, tuple[Tensor, Tensor]] = {}
        self.active = torch.arange(len(recipes))
        self.step, self.until = 0, self.total
        self.metrics: dict[str, float] = {}
        self.machines = Pretraining(self.stack, self.examples)
        self.evaluator = self._new_evaluator(self.stack)

    @property
    def runs(self) -> int:
        return len(self.status)

    @property
    def pretraining(self) -> list[dict[str, Tensor]]:
        """What was measured of each layer's machines."""
        return self.machines.measured

    @property
    def is_over(self) -> bool:
        """Whether no step is left, or no run to take it."""
        return self.step >= self.total or not len(self.active)

    def run(self, watcher: Watcher, until: int | None = None) -> bool:
        """Train to the end; False where it stops before: at step `until`, or when asked to."""
        begin = perf_counter()
        self.until = self.total if until is None else min(until, self.total)

        def tell(loss: float, machine: Machine | None = None) -> None:
            watcher.tell(self._progress(loss, perf_counter() - begin, machine))

        if self.step == 0 and self._pause(watcher):
            return False
        while not self.machines.is_over:
            machine = self.machines.epoch()
            if machine.epoch:
                tell(math.nan, machine)
            if self._pause(watcher):
                return False
        while not self.is_over and self.step < self.until:
            at = self.step % self.steps_per_epoch
            if at == 0:
                self.batches.start_epoch()
            batches = self.batches.walk(at, self._steps_to_boundary())
            losses = self.executor.advance(self.step, batches, self.active)
            self._record(losses)
            if self.executor.diverged is not None:
                self._leave(self.executor.diverged, "diverged")
            if self.step % self.steps_per_epoch == 0 and len(self.active):
                self._end_epoch()
            tell(float(losses[-1].mean()))
            if self._pause(watcher):
                return False
        if not self.is_over:
            watcher.save(self.state())
            return False
        self._finish()
        return True

    def _pause(self, watcher: Watcher) -> bool:
        """Save where the watcher wants it; True where it wants to stop before the end."""
        is_asked_to_stop = watcher.wants_to_stop() and not self.is_over
        if is_asked_to_stop or watcher.wants_checkpoint():
            watcher.save(self.state())
        return is_asked_to_stop

    def _steps_to_boundary(self) -> int:
        """Steps until something else has to happen: the epoch's end, an evaluation, the end."""
        x = self.examples.train.x
        # each pixel of an image counts
        rows = self.batches.batch_size * x[0].numel() // x.shape[-1]
        operations = 6 * self.stack.theta.numel() * rows
        most = max(1, min(self.until - self.step, STEPS_AT_ONCE, int(WORK_AT_ONCE / operations)))
        if not self.batches.is_whole:
            return min(most, self.steps_per_epoch - self.step % self.steps_per_epoch)
        every = self._evaluation_period or STEPS_AT_ONCE
        return min(most, every - self.step % every)

    @property
    def _evaluation_period(self) -> int:
        """Epochs between two evaluations; 0 = nothing is evaluated before the end."""
        if self.rates.plateau is not None:
            return 1
        return (self.recipe.training.evaluate_every or 1) if self.evaluated else 0

    def _record(self, losses: Float[Tensor, "steps active"]) -> None:
        """Put the steps' losses into the epochs that they belong to."""
        self.step += len(losses)
        if self.steps_per_epoch == 1:
            self.history.add_epochs(losses, self.active)
            return
        self.history.add_steps(losses, self.active)
        if self.step % self.steps_per_epoch == 0:
            self.history.end_epoch()

    def _end_epoch(self) -> None:
        """Evaluate where it is due, and let rates and early stopping see the result."""
        epoch = self.step // self.steps_per_epoch
        period = self._evaluation_period
        if not period or epoch % period:
            return
        found = {
            f"{split}/{name}": values
            for split in self.evaluated
            for name, values in self.evaluator.score(self.examples.split(split)).items()
        }
        self.metrics = {name: float(values.mean()) for name, values in found.items()}
        if found:
            self.history.add_metrics(epoch, found, self.active)
        if self.rates.plateau is not None:
            of_training = self.history.last_losses[self.active]
            self.rates.after_epoch(found.get("validation/loss", of_training))
        if self.stopping is not None:
            has_waited = self.stopping.update(found[self.stopping.rule.metric], self.stack)
            if bool(has_waited.any()):
                rows = has_waited.nonzero().flatten()
                self.stopping.restore(self.stack, rows)
                self._leave(rows, "stopped early")

    def _leave(self, rows: Int64[Tensor, " leaving"], status: str) -> None:
        """These rows of the stack leave it with the weights that they have."""
        for row in rows.tolist():
            run = int(self.active[row])
            self.departed[run] = (self.stack.theta[row].clone(), self.stack.statistics[row].clone())
            self.status[run] = status
        stays = torch.ones(len(self.active), dtype=torch.bool).index_fill_(0, rows, False)
        self._keep(stays.nonzero().flatten())

    def _keep(self, rows: Int64[Tensor, " kept"]) -> None:
        self.active = self.active[rows]
        if not len(rows):
            return
        self.executor.keep(rows)
        self.batches.keep(rows)
        if self.stopping is not None:
            self.stopping.keep(rows)
        self.evaluator = self._new_evaluator(self.stack)

    def _finish(self) -> None:
        """End the last epoch, though it may be short, and give the runs their best weights."""
        self.history.end_epoch()
        self.trace.measure()
        if len(self.active) and self.stopping is not None:
            self.stopping.restore(self.stack, torch.arange(len(self.active)))
        for run in self.active.tolist():
            self.status[run] = "finished"

    def _new_evaluator(self, stack: Stack) -> Evaluator:
        return Evaluator(stack, self.examples.preparation, self.loss, decision_of(self.recipe))

    def _progress(self, loss: float, seconds: float, machine: Machine | None) -> Progress:
        epochs = -(-self.total // self.steps_per_epoch)
        return Progress(
            epoch=min(self.step // self.steps_per_epoch + 1, epochs),
            epochs=epochs,
            step=self.step,
            steps=self.total,
            loss=loss,
            metrics=self.metrics,
            active=len(self.active),
            seconds=seconds,
            machine=machine,
        )

    def whole_stack(self) -> Stack:
        """All runs as one stack again, those that have left with the weights they left with."""
        if not self.departed:
            return self.stack
        whole = Stack(
            [architecture_of(recipe, self.examples.features) for recipe in self.recipes],
            [recipe.training.seed for recipe in self.recipes],
            dtype=self.stack.theta.dtype,
            device=self.stack.theta.device,
        )
        if len(self.active):
            rows = self.active.to(whole.theta.device)
            whole.theta[rows], whole.statistics[rows] = self.stack.theta, self.stack.statistics
        for run, (theta, statistics) in self.departed.items():
            whole.theta[run], whole.statistics[run] = theta, statistics
        return whole

    def score(self, stack: Stack | None = None) -> dict[str, Float[Tensor, " runs"]]:
        """Loss and metrics of every run on every split, with the weights it ended with."""
        evaluator = self._new_evaluator(stack or self.whole_stack())
        return {
            f"{split}/{name}": values.cpu()
            for split, examples in self.examples.splits.items()
            for name, values in evaluator.score(examples).items()
        }

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue bit for bit; not copies, but what the training works on."""
        state = {
            "step": torch.tensor(self.step),
            "active": self.active,
            "status": torch.tensor([STATUS.index(status) for status in self.status]),
        }
        if len(self.active):
            state |= {"theta": self.stack.theta, "statistics": self.stack.statistics}
        for name, each in self._parts().items():
            state |= {f"{name}/{key}": value for key, value in each.state().items()}
        for run, (theta, statistics) in self.departed.items():
            state[f"departed/{run}/theta"], state[f"departed/{run}/statistics"] = theta, statistics
        if not self.machines.is_over:
            state |= {f"machines/{key}": value for key, value in self.machines.state().items()}
            return state
        for layer, measured in enumerate(self.pretraining):
            state |= {f"pretraining/{layer}/{key}": value for key, value in measured.items()}
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue where `state` was taken; this training must be new and of the same recipes."""
        device = self.stack.theta.device
        if len(state["active"]) < self.runs:
            self._keep(state["active"])
        self.step = int(state["step"])
        self.status = [STATUS[place] for place in state["status"].tolist()]
        if len(self.active):
            self.stack.theta.copy_(state["theta"])
            self.stack.statistics.copy_(state["statistics"])
        for name, each in self._parts().items():
            each.load_state(part(state, name))
        departed = part(state, "departed")
        for run in sorted({int(key.partition("/")[0]) for key in departed}):
            theta, statistics = departed[f"{run}/theta"], departed[f"{run}/statistics"]
            self.departed[run] = (theta.to(device), statistics.to(device))
        if machines := part(state, "machines"):
            self.machines.load_state(machines)
        else:
            measured = part(state, "pretraining")
            layers = sorted({int(key.partition("/")[0]) for key in measured})
            self.machines.skip([part(measured, str(layer)) for layer in layers])
        if self.step:
            self.batches.start_epoch()  # the order of the epoch that `state` was taken in

    def _parts(self) -> dict[str, Stateful]:
        """What remembers something; without runs nothing moves any more."""
        parts: dict[str, Stateful] = {"trace": self.trace, "history": self.history}
        if len(self.active):
            parts["optimizer"] = self.executor.optimizer
            parts["rates"] = self.rates
            parts["batches"] = self.batches
            if self.stopping is not None:
                parts["stopping"] = self.stopping
        return parts
