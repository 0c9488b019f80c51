"""Rates: the learning rate of each run at each step, as its recipe's schedule has it."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float, Int64
from torch import Tensor

from descend.errors import RecipeError
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
        self.steps_per_epoch, self.total_steps = steps_per_epoch, total_steps
        self.schedules = [schedule or Schedule(name="constant") for schedule in schedules]
        self.plateau: Plateau | None = None
        self.applied: list[float] = []  # the factors of `kinds` that the rates have now
        is_plateau = [schedule.name == "plateau" for schedule in self.schedules]
        if all(is_plateau):
            self.plateau = Plateau(self.base, [one.parameters for one in self.schedules])
        elif any(is_plateau):
            raise RecipeError(
                "`training.schedule` must be plateau for all runs of a stack or for none",
                hint="train them apart",
            )
        self._take_stock()

    def before(self, step: int) -> None:
        """Set the rates of `step`."""
        if not self.changes:
            return
        factors = [
            factor(one.name, one.parameters, step, self.steps_per_epoch, self.total_steps)
            for one in self.kinds
        ]
        if factors != self.applied:
            if len(factors) == 1:
                self.optimizer.set_lr(self.base * factors[0])
            else:
                each = self.base.new_tensor([factors[kind] for kind in self.kind_of])
                self.optimizer.set_lr(self.base * each.unsqueeze(1))
            self.applied = factors

    def after_epoch(self, metric: Float[Tensor, " runs"]) -> None:
        """Let a plateau schedule see what the epoch brought."""
        if self.plateau is not None:
            change = self.plateau.update(metric.unsqueeze(1).to(self.base.device))
            self.optimizer.set_lr((self.base * change).to(self.base.dtype))

    def keep(self, rows: Int64[Tensor, " kept"]) -> None:
        """Only these runs go on."""
        self.base = self.base[rows]
        self.schedules = [self.schedules[row] for row in rows.tolist()]
        if self.plateau is not None:
            self.plateau.keep(rows)
        self._take_stock()

    def state(self) -> dict[str, Tensor]:
        """What a plateau schedule has seen; the others are functions of the step."""
        return {} if self.plateau is None else self.plateau.state()

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Continue where `state` was taken."""
        self.applied = []
        if self.plateau is not None:
            self.plateau.load_state(state)
            self.optimizer.set_lr((self.base * self.plateau.factor).to(self.base.dtype))

    def _take_stock(self) -> None:
        """The different schedules, and which of them each run has."""
        self.kinds: list[Schedule] = []
        for schedule in self.schedules:
            if schedule not in self.kinds:
                self.kinds.append(schedule)
        self.kind_of = [self.kinds.index(schedule) for schedule in self.schedules]
        self.changes = any(one.name not in ("constant", "plateau") for one in self.kinds)
        self.applied = []
