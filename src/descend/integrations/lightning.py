"""Lightning: `Trainer(callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import Any

from descend.integrations.callback import Watching, library

Callback: Any = library("lightning.pytorch", "pytorch_lightning").Callback


class WatchCallback(Watching, Callback):
    """Watches what a Lightning Trainer does to its module, in the process of rank 0.

    The module's parts are watched, too, where `training_step` calls them one by one.
    """

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        if trainer.is_global_zero:
            self.begin(pl_module, trainer.optimizers)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        self.end()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        self.end("stopped early")
