"""A plain torch.nn.Sequential as the network that training starts from."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import descend


def a_model() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(64, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2), nn.Linear(12, 10)
    )


def test_training_starts_from_the_weights_of_the_model() -> None:
    """With a rate of nearly nothing the trained network is the model that was given."""
    model = a_model()
    edits = {"training.optimizer": "sgd", "training.lr": 1e-12, "training.steps": 1}
    run = descend.train("digits", model=model, edits=edits, out=None)
    ours = run.to_torch()
    for theirs, mine in zip(model.parameters(), ours.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=0, atol=1e-9)
    assert [type(layer) for layer in ours] == [type(layer) for layer in model]


def test_the_model_itself_is_left_alone() -> None:
    """Training works on a copy of the weights."""
    model = a_model()
    before = [parameter.clone() for parameter in model.parameters()]
    descend.train("digits", model=model, epochs=1, out=None)
    for now, then in zip(model.parameters(), before, strict=True):
        assert torch.equal(now, then)


def test_an_interrupted_run_from_a_model_resumes_bit_for_bit(tmp_path) -> None:
    """The weights of the model are in the first checkpoint: a resumed run need not see it again."""
    whole = descend.train("digits", model=a_model(), epochs=3, out=None)

    with pytest.raises(KeyboardInterrupt):
        descend.train("digits", model=a_model(), epochs=3, out=tmp_path, tell=_interrupt)
    (folder,) = tmp_path.iterdir()
    resumed = descend.resume(folder)
    assert torch.equal(resumed.stack.theta, whole.stack.theta)


def test_a_run_from_a_model_without_a_checkpoint_is_refused(tmp_path) -> None:
    """Its first weights are lost: anything else would be another training."""
    with pytest.raises(KeyboardInterrupt):
        descend.train("digits", model=a_model(), epochs=3, out=tmp_path, tell=_interrupt)
    (folder,) = tmp_path.iterdir()
    (folder / "checkpoint" / "state.safetensors").unlink()
    with pytest.raises(descend.RunError, match="must have a checkpoint"):
        descend.resume(folder)


def _interrupt(progress) -> None:
    raise KeyboardInterrupt  # as a second Ctrl-C does: nothing more is written


def test_a_model_of_the_wrong_width_is_refused(tmp_path) -> None:
    """Inputs, outputs and layers must fit the data; nothing is left behind."""
    model = nn.Sequential(nn.Linear(5, 3), nn.ReLU(), nn.Linear(3, 10))
    with pytest.raises(descend.DescendError, match="5"):
        descend.train("digits", model=model, out=tmp_path)
    assert list(tmp_path.iterdir()) == []
