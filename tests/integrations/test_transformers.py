"""A watch over Hugging Face's Trainer: the same model comes out, and what is wrong is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("transformers", reason="transformers is not installed")
pytest.importorskip("accelerate", reason="accelerate is not installed")

import transformers

from descend.integrations.transformers import WatchCallback
from tests.integrations.scenes import BATCH, EPOCHS, are_equal, examples, graver, hooks, network
from tests.integrations.scenes import saw_all as saw_all_steps

pytestmark = pytest.mark.filterwarnings("ignore")


class Model(nn.Module):
    """A model that computes its own loss, as those of transformers do."""

    def __init__(self, is_dead: bool = False) -> None:
        super().__init__()
        self.network = network(is_dead=is_dead)

    def forward(self, x: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Loss and logits."""
        logits = self.network(x)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def fitted(model: Model, folder: Path, *callbacks: WatchCallback, accumulated: int = 1) -> Model:
    transformers.set_seed(0)
    rows: list[dict[str, Any]] = [
        {"x": torch.from_numpy(x), "labels": int(y)} for x, y in zip(*examples(), strict=True)
    ]
    arguments = transformers.TrainingArguments(
        str(folder),
        num_train_epochs=EPOCHS,
        per_device_train_batch_size=BATCH // accumulated,
        gradient_accumulation_steps=accumulated,
        learning_rate=0.01,
        eval_strategy="epoch",
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        disable_tqdm=True,
    )
    trainer: Any = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=rows,  # type: ignore[arg-type]
        eval_dataset=rows,  # type: ignore[arg-type]
        callbacks=list(callbacks),
    )
    trainer.train()
    return model


def watching() -> WatchCallback:
    return WatchCallback(every=1, out=None, quiet=True)


@pytest.mark.parametrize("accumulated", [1, 4])
def test_a_watched_model_is_the_same(accumulated: int, tmp_path: Path) -> None:
    callback = watching()
    model = fitted(Model(), tmp_path, callback, accumulated=accumulated)
    assert saw_all_steps(callback, EPOCHS * 8)
    assert are_equal(model, fitted(Model(), tmp_path, accumulated=accumulated))
    assert hooks(model) == 0
    assert graver(callback.findings) == []


def test_what_is_wrong_with_a_model_is_said_with_its_layer(tmp_path: Path) -> None:
    callback = watching()
    fitted(Model(is_dead=True), tmp_path, callback)
    assert ("D204", "layer 1 of 3") in graver(callback.findings)
