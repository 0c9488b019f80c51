"""A watch over Lightning's Trainer: the same module comes out, and what is wrong is said."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("lightning", reason="lightning is not installed")

import lightning

from descend.integrations.lightning import WatchCallback
from tests.integrations.scenes import BATCH, EPOCHS, are_equal, examples, graver, hooks, network
from tests.integrations.scenes import saw_all as saw_all_steps

pytestmark = pytest.mark.filterwarnings("ignore")


class Parts(lightning.LightningModule):
    """A module that is never called as a whole, as in Lightning's own first example."""

    def __init__(self, is_dead: bool = False) -> None:
        super().__init__()
        self.network = network(is_dead=is_dead)

    def training_step(self, batch: list[Tensor]) -> Tensor:
        """The loss of a batch."""
        x, y = batch
        return nn.functional.cross_entropy(self.network(x), y)

    def validation_step(self, batch: list[Tensor]) -> None:
        """The same, for the log."""
        self.log("validation", self.training_step(batch))

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam over all."""
        return torch.optim.Adam(self.parameters(), 0.01)


class Whole(Parts):
    """A module that is called as a whole, and stops on the way if it is to."""

    stops_at: int | None = None

    def forward(self, x: Tensor) -> Tensor:
        """The network's answer."""
        answer: Tensor = self.network(x)
        return answer

    def training_step(self, batch: list[Tensor]) -> Tensor:
        """The loss of a batch."""
        if self.global_step == self.stops_at:
            raise ValueError("stopped")
        x, y = batch
        return nn.functional.cross_entropy(self(x), y)


def fitted(module: Parts, *callbacks: WatchCallback) -> Parts:
    lightning.seed_everything(0, verbose=False)
    x, y = (torch.from_numpy(values) for values in examples())
    data = torch.utils.data.TensorDataset(x, y)
    quiet: dict[str, Any] = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    trainer = lightning.Trainer(
        max_epochs=EPOCHS, accelerator="cpu", callbacks=list(callbacks), **quiet
    )
    batches = torch.utils.data.DataLoader(data, BATCH, shuffle=True)
    trainer.fit(module, batches, torch.utils.data.DataLoader(data, 100))
    return module


def watching() -> WatchCallback:
    return WatchCallback(every=1, out=None, quiet=True)


@pytest.mark.parametrize("kind", [Parts, Whole])
def test_a_watched_module_is_the_same(kind: type[Parts]) -> None:
    callback = watching()
    module = fitted(kind(), callback)
    assert saw_all_steps(callback, EPOCHS * 8)
    assert are_equal(module, fitted(kind()))
    assert hooks(module) == 0
    assert graver(callback.findings) == []


@pytest.mark.parametrize("kind", [Parts, Whole])
def test_what_is_wrong_with_a_module_is_said_with_its_layer(kind: type[Parts]) -> None:
    callback = watching()
    fitted(kind(is_dead=True), callback)
    assert ("D204", "layer 1 of 3") in graver(callback.findings)


def test_a_watch_ends_with_a_training_that_fails() -> None:
    callback, module = watching(), Whole()
    module.stops_at = 5
    with pytest.raises(ValueError, match="stopped"):
        fitted(module, callback)
    assert callback.watch is not None
    assert callback.watch.status == "stopped early"
    assert hooks(module) == 0
