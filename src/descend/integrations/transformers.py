"""Hugging Face: `Trainer(..., callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import Any

from descend.integrations.callback import Watching, library

TrainerCallback: Any = library("transformers").TrainerCallback


class WatchCallback(Watching, TrainerCallback):
    """Watches what a Trainer of Hugging Face's transformers does, in the process of rank 0."""

    def on_train_begin(
        self, args: Any, state: Any, control: Any, model: Any = None, **others: Any
    ) -> None:
        # its optimizer is one of accelerate's, around the one that will be seen to step
        if state.is_world_process_zero:
            self.begin(model)

    def on_train_end(self, args: Any, state: Any, control: Any, **others: Any) -> None:
        self.end()
