"""What people write with Keras: a Sequential model and fit(), on JAX where that is installed."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import Any

from side_by_side import Contender

from peers.images import Images
from peers.in_torch import XorTutorial

IS_HERE = find_spec("keras") is not None
XOR_STEPS = 500  # of 10,001: each is an epoch of fit()

if IS_HERE:
    os.environ.setdefault("KERAS_BACKEND", "jax" if find_spec("jax") is not None else "torch")
    import keras


class OnImages:
    """Adam over arrays in memory."""

    def __init__(
        self, images: Images, hidden: list[int], batch: int, lr: float, batch_norm: bool
    ) -> None:
        keras.utils.set_random_seed(777)
        layers: list[Any] = [keras.Input((784,))]
        for units in hidden:
            norm = [keras.layers.BatchNormalization(momentum=0.9)] if batch_norm else []
            layers += [keras.layers.Dense(units), *norm, keras.layers.ReLU()]
        self.model = keras.Sequential([*layers, keras.layers.Dense(10)])
        self.model.compile(
            optimizer=keras.optimizers.Adam(lr),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"],
        )
        self.batch = batch
        x, x_test = (part.numpy() for part in images.as_floats())
        self.splits = [(x, images.y.numpy()), (x_test, images.y_test.numpy())]

    def epoch(self) -> None:
        history = self.model.fit(*self.splits[0], batch_size=self.batch, epochs=1, verbose=0)
        self.cost = history.history["loss"][-1]

    def evaluate(self) -> None:
        for x, y in self.splits:
            self.scores = self.model.evaluate(x, y, batch_size=1000, verbose=0)


def on_images(
    images: Images,
    hidden: list[int],
    batch: int,
    *,
    lr: float,
    batch_norm: bool = False,
    evaluates: bool = False,
) -> list[Contender]:
    """Keras, where it is installed."""
    if not IS_HERE:
        return []
    loop = OnImages(images, hidden, batch, lr, batch_norm)
    parts = {"training": loop.epoch}
    if evaluates:
        parts["evaluation"] = loop.evaluate
    return [Contender(f"keras on {keras.backend.backend()}", parts, outcome=lambda: loop.cost)]


class Xor:
    """The XOR network, a full batch an epoch; each round goes on where the last one ended."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.x, self.y = map(keras.ops.convert_to_numpy, (XorTutorial.x, XorTutorial.y))
        keras.utils.set_random_seed(777)
        dense = keras.layers.Dense
        self.model = keras.Sequential(
            [keras.Input((2,)), dense(2, activation="sigmoid"), dense(1, activation="sigmoid")]
        )
        self.model.compile(optimizer=keras.optimizers.SGD(1.0), loss="binary_crossentropy")

    def train(self) -> None:
        self.model.fit(self.x, self.y, batch_size=4, epochs=self.steps, verbose=0)


def on_xor(steps: int) -> list[Contender]:
    """Keras, where it is installed; a few of its steps stand for all."""
    if not IS_HERE:
        return []
    few = min(steps, XOR_STEPS)
    name = f"keras on {keras.backend.backend()}, {few} steps"
    return [Contender(name, {"training": Xor(few).train}, runs=few / steps)]
