"""The images that all programs learn from: MNIST where it is here, else noise of the same shape."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray
from side_by_side import ROOT
from torch import Tensor

from descend.data.examples import Examples, Split
from descend.data.idx import read_pair
from descend.data.mnist import find, search_places
from descend.data.preparation import Preparation
from descend.data.sources import load
from descend.recipe.model import Data

SHARED = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Images:
    """x: uint8 (examples, pixels), y: int64 (examples,), for training and for testing."""

    name: str
    x: Tensor
    y: Tensor
    x_test: Tensor
    y_test: Tensor
    brightest: int = 255

    def as_floats(self) -> tuple[Tensor, Tensor]:
        """Training and test images as float32 in 0..1."""
        return self.x.float().div_(self.brightest), self.x_test.float().div_(self.brightest)

    def as_examples(self) -> Examples:
        """The same for descend, raw."""
        preparation = Preparation.fit(
            self.x, self.y, task="multiclass", outputs=10, scaling="unit", brightest=self.brightest
        )
        return Examples(
            name=self.name,
            task="multiclass",
            train=Split(self.x, self.y),
            validation=None,
            test=Split(self.x_test, self.y_test),
            preparation=preparation,
            outputs=10,
            classes=None,
            image=(28, 28),
            fingerprint="",
        )


def digits() -> Images:
    """scikit-learn's 8 × 8 images, split as descend splits them when nothing is said."""
    examples = load(Data(source="digits"))
    assert examples.test is not None
    train, test = examples.train, examples.test
    return Images("digits", train.x, train.y, test.x, test.y, brightest=16)


def images(train: int, test: int, data_dir: Path | None) -> Images:
    """The first `train` and `test` images; tells where they come from."""
    roots = [data_dir, *map(Path, filter(None, [os.environ.get("DESCEND_DATA")])), SHARED]
    places = [place for root in roots if root for place in search_places("mnist", root)]
    files = next((found for place in places if (found := find(place))), None)
    if files is None:
        generator = torch.Generator().manual_seed(0)
        count = train + test
        x = torch.randint(256, (count, 784), dtype=torch.uint8, generator=generator)
        y = torch.randint(10, (count,), generator=generator)
        return Images("random images (no MNIST here)", x[:train], y[:train], x[train:], y[train:])
    x, y = _as_tensors(read_pair(files[0], files[1], 10), train)
    x_test, y_test = _as_tensors(read_pair(files[2], files[3], 10), test)
    return Images("MNIST", x, y, x_test, y_test)


def _as_tensors(pair: tuple[NDArray[Any], NDArray[Any]], count: int) -> tuple[Tensor, Tensor]:
    """The first images as rows, and their labels."""
    x, y = (torch.from_numpy(part[:count]) for part in pair)
    return x.reshape(len(x), -1), y
