"""Small sets that are made on the spot or come with scikit-learn, each drawn from its seed alone.

Every maker gives raw arrays (x, y). scikit-learn is imported inside, because that takes a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descend.data.names import SOURCES

Arrays = tuple[NDArray[Any], NDArray[Any]]

_GATES = {"and": (0, 0, 0, 1), "or": (0, 1, 1, 1), "xor": (0, 1, 1, 0)}


def make(
    name: str, examples: int | None = None, noise: float | None = None, seed: int = 0
) -> Arrays:
    """The arrays of the toy `name`; sizes and noise that are None are the source's own."""
    if name in _GATES:
        return gate(name)
    if name == "digits":
        return digits()
    source = SOURCES[name]
    count = source.examples if examples is None else examples
    spread = source.noise if noise is None else noise
    rng = np.random.RandomState(np.random.MT19937(np.random.SeedSequence(seed)))
    return _MAKERS[name](count, spread or 0.0, rng)


def gate(name: str) -> Arrays:
    """The truth table of a logical gate, in the order (0,0), (0,1), (1,0), (1,1)."""
    x = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.float32)
    return x, np.array(_GATES[name], np.int64)


def digits() -> Arrays:
    """1,797 handwritten digits: x (1797, 64) in uint8 from 0 to 16, y 0 to 9."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return x.astype(np.uint8), y.astype(np.int64)


def _circles(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    from sklearn.datasets import make_circles

    x, y = make_circles(examples, noise=noise, factor=0.5, random_state=rng)
    return x.astype(np.float32), y


def _moons(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    from sklearn.datasets import make_moons

    x, y = make_moons(examples, noise=noise, random_state=rng)
    return x.astype(np.float32), y


def _blobs(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    """Clouds around the corners of a triangle, so that no seed puts two of them in one place."""
    from sklearn.datasets import make_blobs

    corners = np.array([(-3.0, -2.0), (3.0, -2.0), (0.0, 3.0)])
    x, y = make_blobs(examples, centers=corners, cluster_std=noise, random_state=rng)[:2]
    return x.astype(np.float32), y


def _spirals(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    """Two arms of 1.5 turns; the radius grows from 0 to 1 along each."""
    y = np.arange(examples) % 2
    along = np.sqrt(rng.uniform(size=examples))
    angle = 3.0 * np.pi * along + np.pi * y
    x = along[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    x += rng.normal(scale=noise, size=x.shape)
    order = rng.permutation(examples)
    return x[order].astype(np.float32), y[order]


def _sine(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    """One period: y = sin(x) + noise for x between -π and π."""
    x = rng.uniform(-np.pi, np.pi, size=(examples, 1))
    y = np.sin(x) + rng.normal(scale=noise, size=x.shape)
    return x.astype(np.float32), y.astype(np.float32)


def _shapes(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    """Images of 12 by 12 pixels: x (examples, 144, 3) red, green and blue, y (examples, 144).

    Each holds a reddish disc and a bluish square, which may lie over the disc, on a dark ground.
    """
    height, width = SOURCES["shapes"].image or (12, 12)
    rows, columns = np.mgrid[:height, :width]
    y = np.zeros((examples, height, width), np.int64)
    for labels in y:
        row, column, radius = (
            rng.randint(2, height - 2),
            rng.randint(2, width - 2),
            rng.uniform(2, 4),
        )
        labels[(rows - row) ** 2 + (columns - column) ** 2 <= radius**2] = 1
        top, left, side = rng.randint(0, height - 4), rng.randint(0, width - 4), rng.randint(3, 6)
        labels[top : top + side, left : left + side] = 2
    colours = np.array([(0.2, 0.2, 0.2), (0.8, 0.3, 0.2), (0.2, 0.3, 0.8)])
    x = colours[y] + rng.normal(scale=noise, size=(*y.shape, 3))
    return x.reshape(examples, -1, 3).astype(np.float32), y.reshape(examples, -1)


def _multilabel(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    from sklearn.datasets import make_multilabel_classification

    source = SOURCES["multilabel"]
    x, y = make_multilabel_classification(
        examples, n_features=source.features, n_classes=source.outputs, random_state=rng
    )[:2]
    return x.astype(np.float32), y


def _bag_of_words(examples: int, noise: float, rng: np.random.RandomState) -> Arrays:
    """Counts (examples, 500) in uint8: 5 to 40 words each, drawn from the words of its topic.

    Words are as frequent as in texts (Zipf: the k-th at 1/k); every topic has its own ranking of
    the words of the second half, the first half is common to all.
    """
    source = SOURCES["bag-of-words"]
    words, topics = source.features, source.outputs
    frequency = 1.0 / np.arange(1, words + 1)
    chances = np.empty((topics, words))
    for topic in chances:
        own = words // 2 + rng.permutation(words - words // 2)
        topic[: words // 2] = frequency[1::2]
        topic[own] = frequency[::2]
        topic /= topic.sum()
    y = rng.permutation(np.arange(examples) % topics)
    lengths = rng.randint(5, 41, size=examples)
    x = np.stack(
        [rng.multinomial(length, chances[topic]) for length, topic in zip(lengths, y, strict=True)]
    )
    return x.astype(np.uint8), y


_MAKERS: dict[str, Callable[[int, float, np.random.RandomState], Arrays]] = {
    "circles": _circles,
    "moons": _moons,
    "blobs": _blobs,
    "spirals": _spirals,
    "sine": _sine,
    "shapes": _shapes,
    "multilabel": _multilabel,
    "bag-of-words": _bag_of_words,
}
