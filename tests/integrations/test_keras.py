"""A watch over `fit` of Keras 3 on torch: the same model comes out, and what is wrong is said."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")
pytest.importorskip("keras", reason="keras is not installed")

import keras

if keras.backend.backend() != "torch":
    pytest.skip("the backend of Keras is not torch", allow_module_level=True)

from descend.integrations.keras import WatchCallback
from tests.integrations.scenes import BATCH, DEAD, EPOCHS, examples, graver
from tests.integrations.scenes import saw_all as saw_all_steps

pytestmark = pytest.mark.filterwarnings("ignore")


def model(is_dead: bool = False, optimizer: Any = None, loss: Any = None) -> Any:
    """A model of Keras with layers of several kinds, one inside another model."""
    keras.utils.set_random_seed(0)
    inner = keras.Sequential(
        [
            keras.layers.Dense(16),
            keras.layers.Activation("tanh"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.2),
        ]
    )
    made = keras.Sequential(
        [
            keras.layers.Input((4,)),
            keras.layers.Dense(
                16,
                activation="relu",
                bias_initializer=keras.initializers.Constant(DEAD if is_dead else 0.0),
            ),
            inner,
            keras.layers.Dense(2, activation="softmax"),
        ]
    )
    made.compile(
        optimizer=optimizer or keras.optimizers.Adam(0.01),
        loss=loss or "sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return made


def fitted(made: Any, *callbacks: WatchCallback) -> Any:
    options = {"epochs": EPOCHS, "batch_size": BATCH, "validation_split": 0.25, "verbose": 0}
    made.fit(*examples(), callbacks=list(callbacks), **options)
    return made


def watching() -> WatchCallback:
    return WatchCallback(every=1, out=None, quiet=True)


def test_a_watched_fit_gives_the_same_model() -> None:
    callback = watching()
    ours, theirs = fitted(model(), callback), fitted(model())
    assert saw_all_steps(callback, EPOCHS * 6)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert np.array_equal(one, other)
    assert graver(callback.findings) == []


def test_layers_are_called_and_steps_are_taken_by_keras_itself_again() -> None:
    made = fitted(model(), watching())
    owners = [made, made.optimizer, *made.layers, *made.layers[1].layers]
    assert not any({"call", "apply"} & vars(owner).keys() for owner in owners)
    assert made.layers[0].activation is keras.activations.relu


def test_layers_are_known_with_their_activations_and_their_optimizer() -> None:
    callback = watching()
    fitted(model(), callback)
    assert callback.watch is not None
    record = callback.watch.record()
    assert [(one.fan_in, one.fan_out, one.activation) for one in record.layers] == [
        (4, 16, "relu"),
        (16, 16, "tanh"),
        (16, 2, "softmax"),
    ]
    training = record.training
    assert (training.optimizer, training.lr) == ("adam", pytest.approx(0.01))
    assert (training.loss, training.loss_on) == ("cross_entropy", "probabilities")


def test_what_is_wrong_with_a_fit_is_said_with_its_layer() -> None:
    callback = watching()
    fitted(model(is_dead=True), callback)
    assert ("D204", "layer 1 of 3") in graver(callback.findings)


def test_a_softmax_in_front_of_a_loss_on_logits_is_named() -> None:
    callback = watching()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    fitted(model(loss=loss), callback)
    assert graver(callback.findings)[0][0] == "D110"
