"""The learning-rate schedule that looks at results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from descend.errors import RecipeError, RunError
from descend.optimizers.settings import schedule_faults, schedule_settings_of

MEMORY = ("factor", "best", "worse_epochs", "cooling")
NUMBERS = ("factor", "patience", "threshold", "cooldown", "min_lr")
SMALLEST_CHANGE = 1e-8


class Plateau:
    """Lowers a run's learning rate when its metric has not improved for `patience` epochs.

    Each run is judged alone. A metric improves when it is below best·(1 - threshold) (with mode
    "max": above best·(1 + threshold)). After more than `patience` epochs without, the rate is
    multiplied by `factor`, but not below `min_lr`; then follow `cooldown` epochs that do not count.
    Semantics of `torch.optim.lr_scheduler.ReduceLROnPlateau`.

    `base`: the learning rates (runs, 1) that `training.lr` gives; `rows`: one mapping of settings
    per run. `factor` (runs, 1) is what the base is to be multiplied with.
    """

    def __init__(self, base: Float[Tensor, "runs 1"], rows: Sequence[Mapping[str, Any]]) -> None:
        for row in rows:
            for fault in schedule_faults("plateau", row):
                message = f"`{fault.setting}` of plateau must be {fault.expected}: {fault.value!r}"
                raise RecipeError(message)
        settings = [{**schedule_settings_of("plateau"), **row} for row in rows]
        modes = {setting["mode"] for setting in settings}
        if len(modes) > 1:
            raise RecipeError("`mode` differs between the runs of one stack, expected one value")
        self.sign = -1.0 if modes == {"max"} else 1.0
        self.base = base.double()
        table = [[row[name] for name in NUMBERS] for row in settings]
        columns = self.base.new_tensor(table).chunk(len(NUMBERS), dim=1)
        self.shrink, self.patience, self.threshold, self.cooldown, self.min_lr = columns
        self.factor = torch.ones_like(self.base)
        self.best = torch.full_like(self.base, torch.inf * self.sign)
        self.worse_epochs = torch.zeros_like(self.base)
        self.cooling = torch.zeros_like(self.base)

    def update(self, metric: Float[Tensor, "runs 1"]) -> Float[Tensor, "runs 1"]:
        """Takes each run's metric after an epoch and returns the factors from now on."""
        metric = metric.to(self.base)
        is_better = self._is_better(metric)
        self.best = torch.where(is_better, metric, self.best)
        is_cooling = self.cooling > 0
        self.worse_epochs = (self.worse_epochs + 1).masked_fill_(is_better | is_cooling, 0)
        self.cooling = (self.cooling - 1).clamp_(min=0)
        is_due = self.worse_epochs > self.patience
        self.cooling = torch.where(is_due, self.cooldown, self.cooling)
        self.worse_epochs.masked_fill_(is_due, 0)
        lr = self.base * self.factor
        lower = torch.maximum(lr * self.shrink, self.min_lr)
        is_lowered = is_due & (lr - lower > SMALLEST_CHANGE)
        self.factor = torch.where(is_lowered, lower / self.base, self.factor)
        return self.factor

    def _is_better(self, metric: Tensor) -> Bool[Tensor, "runs 1"]:
        bar = self.best * (1 - self.sign * self.threshold)
        is_better: Tensor = self.sign * metric < self.sign * bar
        return is_better

    def state(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in MEMORY}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        for name in MEMORY:
            if name not in state or state[name].shape != self.base.shape:
                raise RunError(
                    f"the state of plateau has no `{name}` of shape {tuple(self.base.shape)}",
                    hint="the checkpoint belongs to another recipe",
                )
            setattr(self, name, state[name].to(self.base.device, copy=True))

    def keep(self, rows: Int64[Tensor, "kept"]) -> None:
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[rows])
