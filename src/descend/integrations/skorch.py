"""Skorch: `NeuralNetClassifier(..., callbacks=[WatchCallback()])`."""

from __future__ import annotations

from typing import Any

from descend.integrations.callback import Watching, library

Callback: Any = library("skorch.callbacks").Callback


class WatchCallback(Watching, Callback):
    """Watches what a network of skorch learns in `fit` and `partial_fit`."""

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **others: Any) -> None:  # noqa: N803
        self.begin(net.module_)

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **others: Any) -> None:  # noqa: N803
        self.end()
