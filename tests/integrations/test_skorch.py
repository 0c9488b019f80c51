"""A watch over `fit` of skorch: the same network comes out, and what is wrong with it is said."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from torch import nn

pytest.importorskip("skorch", reason="skorch is not installed")

import skorch
from sklearn.base import clone
from skorch.dataset import ValidSplit

from descend.integrations.skorch import WatchCallback
from tests.integrations.scenes import BATCH, EPOCHS, are_equal, examples, graver, hooks, network
from tests.integrations.scenes import saw_all as saw_all_steps

pytestmark = pytest.mark.filterwarnings("ignore")


def fitted(*callbacks: WatchCallback, is_dead: bool = False) -> Any:
    net = skorch.NeuralNetClassifier(
        lambda: network(nn.Softmax(-1), is_dead=is_dead),
        lr=0.1,
        batch_size=BATCH,
        max_epochs=EPOCHS,
        train_split=ValidSplit(4),
        verbose=0,
        callbacks=list(callbacks),
    )
    return net.fit(*examples())


def watching(**options: Any) -> WatchCallback:
    return WatchCallback(every=1, out=None, quiet=True, **options)


def test_a_watched_fit_gives_the_same_network() -> None:
    callback = watching()
    net = fitted(callback)
    assert saw_all_steps(callback, EPOCHS * 6)
    assert are_equal(net.module_, fitted().module_)
    assert hooks(net.module_) == 0


def test_what_is_wrong_with_a_fit_is_said_with_its_layer() -> None:
    callback = watching()
    fitted(callback, is_dead=True)
    assert ("D204", "layer 1 of 3") in graver(callback.findings)


def test_a_sound_fit_is_healthy() -> None:
    """NLL of the logarithm that skorch takes of probabilities is what it should be."""
    callback = watching()
    fitted(callback)
    assert graver(callback.findings) == []


def test_a_callback_is_cloned_and_pickled_as_skorch_does() -> None:
    callback = watching(name="mine")
    fitted(callback)
    assert clone(callback).get_params() == callback.get_params()
    assert pickle.loads(pickle.dumps(callback)).name == "mine"
