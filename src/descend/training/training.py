"""Training: everything that moves while a stack learns, and the loop that moves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from descend.data.batches import Batches
from descend.data.examples import Examples
from descend.network.architecture import architecture_of
from descend.network.losses import LOSSES, Objective
from descend.network.stack import Stack
from descend.optimizers.build import build
from descend.recipe import Recipe
from descend.trace.trace import Trace
from descend.training.evaluation import Evaluator, decision_of
from descend.training.executor import Executor
from descend.training.history import History
from descend.training.pretraining import pretrain
from descend.training.rates import Rates
from descend.training.stopping import EarlyStopping
from descend.training.targets import encode

STATUS = ("running", "finished", "diverged", "stopped early")
WHOLE_BATCH_STEPS = 256  # of a full batch in one advance; nothing is gathered for them


@dataclass(frozen=True)
class Progress:
    """How far a training is; loss and metrics are means over the active runs."""

    epoch: int
    epochs: int
    step: int
    steps: int
    loss: float
    metrics: dict[str, float]
    active: int
    seconds: float


class Watcher(Protocol):
    """What a training talks to between two advances."""

    def tell(self, progress: Progress) -> None: ...

    def wants_checkpoint(self) -> bool: ...

    def save(self, state: dict[str, Tensor]) -> None: ...

    def wants_to_stop(self) -> bool: ...


class Stateful(Protocol):
    """A part of a training that remembers something between steps."""

    def state(self) -> dict[str, Tensor]: ...

    def load_state(self, state: dict[str, Tensor]) -> None: ...


class Training:
    """The runs of one stack in training.

    recipes: completed and of one structure; they may differ in numbers and seeds. Row i of the stack
    is the run `active[i]`: one that diverges or stops early leaves the stack and keeps its weights.
    """

    def __init__(
        self, recipes: Sequence[Recipe], examples: Examples, device: torch.device | str = "cpu"
    ) -> None:
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
            len(self.stack.blocks),
            every=given.measure_every,
            first=given.measure_first,
        )
        objective = Objective(self.loss, "sum" if given.reduction == "sum" else "mean")
        self.executor = Executor(
            self.stack, objective, optimizer, self.rates, self.trace, recipes
        )
        rule = given.early_stopping
        self.stopping = None if rule is None else EarlyStopping(rule, self.stack)
        self.history = History(len(recipes))
        self.status = ["running"] * len(recipes)
        self.departed: dict[int, tuple[Tensor, Tensor]] = {}
        self.active = torch.arange(len(recipes))
        self.step = 0
        self.partial = torch.empty(0, len(recipes), dtype=torch.float64)
        self.metrics: dict[str, float] = {}
        self.pretraining: list[dict[str, Tensor]] = []
        self.evaluator = self._new_evaluator()

    @property
    def runs(self) -> int:
        return len(self.status)

    def run(self, watcher: Watcher) -> bool:
        """Train to the end; False where the watcher wanted to stop before it."""
        begin = perf_counter()
        if self.step == 0:
            self.pretraining = pretrain(self.stack, self.examples)
        while self.step < self.total and len(self.active):
            at = self.step % self.steps_per_epoch
            if at == 0:
                self.batches.start_epoch()
            batches = self.batches.take(at, self._steps_to_boundary())
            losses = self.executor.advance(self.step, batches, self.active)
            self._record(losses)
            if self.executor.diverged is not None:
                self._leave(self.executor.diverged, "diverged", self.executor.evidence)
            if self.step % self.steps_per_epoch == 0 and len(self.active):
                self._end_epoch()
            watcher.tell(self._progress(losses[-1], perf_counter() - begin))
            is_over = watcher.wants_to_stop()
            if is_over or watcher.wants_checkpoint():
                watcher.save(self.state())
            if is_over:
                return False
        self._finish()
        return True

    def _steps_to_boundary(self) -> int:
        """Steps until something else has to happen: the epoch's end, an evaluation, the end."""
        left = self.total - self.step
        if self.steps_per_epoch > 1:
            to_epoch_end = self.steps_per_epoch - self.step % self.steps_per_epoch
            return min(left, to_epoch_end, self.batches.block)
        every = self._evaluation_period or WHOLE_BATCH_STEPS
        return min(left, every - self.step % every, WHOLE_BATCH_STEPS)

    @property
    def _evaluation_period(self) -> int:
        """Epochs between two evaluations; 0 = nothing is evaluated before the end."""
        if self.rates.plateau is not None:
            return 1
        return (self.recipe.training.evaluate_every or 1) if self._splits else 0

    @property
    def _splits(self) -> list[str]:
        """What is evaluated after epochs, in order."""
        asked = list(self.recipe.training.evaluate or ())
        if self.stopping is not None:
            asked.append(self.stopping.rule.metric.partition("/")[0])
        return list(dict.fromkeys(asked))

    def _record(self, losses: Float[Tensor, "steps active"]) -> None:
        """Put the steps' losses into the epochs that they belong to."""
        full = torch.full((len(losses), self.runs), torch.nan, dtype=torch.float64)
        full[:, self.active] = losses.double().cpu()
        self.step += len(losses)
        if self.steps_per_epoch == 1:
            self.history.add_losses(full, self.active)
            return
        self.partial = torch.cat([self.partial, full])
        if self.step % self.steps_per_epoch == 0 or self.step == self.total:
            self.history.add_losses(self.partial.mean(dim=0, keepdim=True), self.active)
            self.partial = self.partial[:0]

    def _end_epoch(self) -> None:
        """Evaluate where it is due, and let rates and early stopping see the result."""
        epoch = self.step // self.steps_per_epoch
        period = self._evaluation_period
        if not period or epoch % period:
            return
        found = {
            f"{split}/{name}": values
            for split in self._splits
            for name, values in self.evaluator.score(self.examples.split(split)).items()
        }
        self.metrics = {name: float(values.mean()) for name, values in found.items()}
        self.history.add_metrics(epoch, found, self.active)
        judged = next((values for name, values in found.items() if name.endswith("/loss")), None)
        if self.rates.plateau is not None:
            losses = self.history.losses[-1, self.active] if judged is None else judged
            self.rates.after_epoch(losses)
        if self.stopping is not None:
            metric = found[self.stopping.rule.metric]
            has_waited = self.stopping.update(metric, self.stack)
            if bool(has_waited.any()):
                self._leave(has_waited, "stopped early", self.stopping.theta)

    def _leave(self, leaving: Bool[Tensor, " active"], status: str, theta: Tensor | None) -> None:
        """The runs leave the stack with the weights `theta` (active runs, parameters)."""
        assert theta is not None
        epoch = -(-self.step // self.steps_per_epoch)
        for row in leaving.nonzero().flatten().tolist():
            run = int(self.active[row])
            statistics = self.stack.statistics
            if self.stopping is not None and status == "stopped early":
                statistics = self.stopping.statistics
            self.departed[run] = (theta[row].clone(), statistics[row].clone())
            self.status[run] = status
            self.history.close(run, epoch)
        self._keep((~leaving).nonzero().flatten())

    def _keep(self, rows: Int64[Tensor, " kept"]) -> None:
        self.active = self.active[rows]
        if not len(rows):
            return
        self.executor.keep(rows)
        self.batches.keep(rows)
        if self.stopping is not None:
            self.stopping.keep(rows)
        self.evaluator = self._new_evaluator()

    def _finish(self) -> None:
        """Bring all runs together again, with the weights that each ended with."""
        if self.stopping is not None and len(self.active):
            self.stopping.restore(self.stack)
        for row, run in enumerate(self.active.tolist()):
            self.departed[run] = (self.stack.theta[row].clone(), self.stack.statistics[row].clone())
            self.status[run] = "finished"

    def _new_evaluator(self, stack: Stack | None = None) -> Evaluator:
        return Evaluator(stack or self.stack, self.examples.preparation, self.loss, decision_of(self.recipe))

    def _progress(self, losses: Float[Tensor, " before"], seconds: float) -> Progress:
        return Progress(
            epoch=min(self.step // self.steps_per_epoch + 1, -(-self.total // self.steps_per_epoch)),
            epochs=-(-self.total // self.steps_per_epoch),
            step=self.step,
            steps=self.total,
            loss=float(losses.mean()),
            metrics=self.metrics,
            active=len(self.active),
            seconds=seconds,
        )

    def _parts(self) -> dict[str, Stateful]:
        parts: dict[str, Stateful] = {
            "optimizer": self.executor.optimizer,
            "rates": self.rates,
            "batches": self.batches,
            "trace": self.trace,
            "history": self.history,
        }
        return parts if self.stopping is None else {**parts, "stopping": self.stopping}

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

    def score(self) -> dict[str, Float[Tensor, " runs"]]:
        """Loss and metrics of every run on every split, with the weights it ended with."""
        evaluator = self._new_evaluator(self.whole_stack())
        return {
            f"{split}/{name}": values.cpu()
            for split, examples in self.examples.splits.items()
            for name, values in evaluator.score(examples).items()
        }

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue bit for bit."""
        state = {
            "step": torch.tensor(self.step),
            "active": self.active,
            "partial": self.partial,
            "theta": self.stack.theta,
            "statistics": self.stack.statistics,
            "status": torch.tensor([STATUS.index(status) for status in self.status]),
        }
        for name, part in self._parts().items():
            state |= {f"{name}/{key}": value for key, value in part.state().items()}
        for run, (theta, statistics) in self.departed.items():
            state[f"departed/{run}/theta"], state[f"departed/{run}/statistics"] = theta, statistics
        for layer, measured in enumerate(self.pretraining):
            state |= {f"pretraining/{layer}/{key}": value for key, value in measured.items()}
        return state

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` was taken; this training must be new and of the same recipes."""
        device = self.stack.theta.device
        if len(state["active"]) < self.runs:
            self._keep(state["active"])
        self.step = int(state["step"])
        self.partial = state["partial"]
        self.stack.theta.copy_(state["theta"])
        self.stack.statistics.copy_(state["statistics"])
        self.status = [STATUS[place] for place in state["status"].tolist()]
        for name, part in self._parts().items():
            part.load_state(_below(state, f"{name}/"))
        departed = _below(state, "departed/")
        for run in sorted({int(key.partition("/")[0]) for key in departed}):
            theta, statistics = departed[f"{run}/theta"], departed[f"{run}/statistics"]
            self.departed[run] = (theta.to(device), statistics.to(device))
        measured = _below(state, "pretraining/")
        layers = sorted({int(key.partition("/")[0]) for key in measured})
        self.pretraining = [_below(measured, f"{layer}/") for layer in layers]
        if self.step:
            self.batches.start_epoch()  # the order of the epoch that `state` was taken in


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
