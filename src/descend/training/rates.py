"""Rates: the learning rate of each run at each step, as the recipe's schedule has it."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int64
from torch import Tensor

from descend.optimizers.optimizer import Optimizer
from descend.optimizers.plateau import Plateau
from descend.optimizers.schedules import factor
from descend.recipe import Schedule


class Rates:
    """Sets an optimizer's learning rates before a step, where they change at all."""

    def __init__(
        self,
        optimizer: Optimizer,
        schedules: Sequence[Schedule | None],
        steps_per_epoch: int,
        total_steps: int,
    ) -> None:
        self.optimizer = optimizer
        self.base = optimizer.lr.clone()
        self.schedule = schedules[0]
        self.steps_per_epoch, self.total_steps = steps_per_epoch, total_steps
        self.plateau: Plateau | None = None
        self.applied = 1.0
        if self.schedule is not None and self.schedule.name == "plateau":
            rows = [schedule.parameters for schedule in schedules if schedule is not None]
            self.plateau = Plateau(self.base, rows)

    def before(self, step: int) -> None:
        """Set the rates of `step`."""
        if self.schedule is None or self.plateau is not None:
            return
        now = factor(
            self.schedule.name,
            self.schedule.parameters,
            step,
            self.steps_per_epoch,
            self.total_steps,
        )
        if now != self.applied:
            self.optimizer.set_lr(self.base * now)
            self.applied = now

    def after_epoch(self, metric: Float[Tensor, " runs"]) -> None:
        """Let a plateau schedule see what the epoch brought."""
        if self.plateau is not None:
            change = self.plateau.update(metric.unsqueeze(1).to(self.base.device))
            self.optimizer.set_lr((self.base * change).to(self.base.dtype))

    def keep(self, rows: Int64[Tensor, " kept"]) -> None:
        """Only these runs go on."""
        self.base = self.base[rows]
        if self.plateau is not None:
            self.plateau.keep(rows)

    def state(self) -> dict[str, Tensor]:
        """What a plateau schedule has seen; the others are functions of the step."""
        return {} if self.plateau is None else self.plateau.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` was taken."""
        if self.plateau is not None:
            self.plateau.load_state(state)
            self.optimizer.set_lr((self.base * self.plateau.factor).to(self.base.dtype))
