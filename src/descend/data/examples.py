"""Examples: what a training learns from, split and in memory, with its preparation."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from descend.data.preparation import Preparation
from descend.errors import DataError


@dataclass(frozen=True, eq=False)
class Split:
    """One part of the examples, raw and in a compact type: uint8 stays uint8, all else is float32.

    x: (examples, features), for pixels (examples, pixels, features).
    y: class numbers (examples,) in int64, for pixels (examples, pixels); 0 and 1 (examples, 1) or
    (examples, labels), and quantities (examples, outputs), in float32; x itself for an autoencoder.
    """

    x: Shaped[Tensor, "examples *pixels features"]
    y: Shaped[Tensor, "examples *outputs"]
    weight: Float[Tensor, " examples"] | None = None

    def __len__(self) -> int:
        return len(self.x)

    def rows(self, rows: Tensor) -> Split:
        """The examples at `rows`, in that order; itself where that is all of them as they are."""
        if torch.equal(rows, torch.arange(len(self))):
            return self
        x = self.x[rows]
        y = x if self.y is self.x else self.y[rows]
        return replace(self, x=x, y=y, weight=None if self.weight is None else self.weight[rows])

    def to(self, device: torch.device | str) -> Split:
        """This part on `device`."""
        x = self.x.to(device)
        y = x if self.y is self.x else self.y.to(device)
        return replace(
            self, x=x, y=y, weight=None if self.weight is None else self.weight.to(device)
        )


@dataclass(frozen=True, eq=False)
class Examples:
    """Training, validation and test part of one source, and what is known of all of them.

    outputs: how many the network must have; fingerprint: SHA-256 over the raw values of all parts;
    chosen: the fields of the recipe's `[data]` that were open, as they were chosen; a recipe with
    these fields filled in gives the same examples.
    """

    name: str
    task: str
    train: Split
    validation: Split | None
    test: Split | None
    preparation: Preparation
    outputs: int
    classes: tuple[str, ...] | None
    image: tuple[int, int] | None
    fingerprint: str
    chosen: Mapping[str, Any] = field(default_factory=dict)

    @property
    def features(self) -> int:
        """The number of values that describe one example, or one pixel."""
        return self.preparation.features

    @property
    def splits(self) -> dict[str, Split]:
        """The parts that exist, by name."""
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: part for name, part in parts.items() if part is not None}

    def split(self, name: str) -> Split:
        """The part called `name`; raises DataError with the names that exist."""
        splits = self.splits
        if name not in splits:
            raise DataError(
                f"a split of {self.name} must be one of {', '.join(splits)}: {name!r}",
                hint="`data.validation` and `data.test` set how many examples are held out",
            )
        return splits[name]

    def scaled(self, scale: str | None, target_scale: str | None) -> Examples:
        """These examples prepared on these scales, each as it is where it is None; raw values stay.

        Bytes are pixels: the brightest one of the training part is 1 on the scale "unit".
        """
        own = self.preparation
        wanted = scale or own.scaling, target_scale or own.target_scaling
        if wanted == (own.scaling, own.target_scaling):
            return self
        x = self.train.x
        preparation = Preparation.fit(
            x,
            self.train.y,
            task=self.task,
            outputs=self.outputs,
            scaling=wanted[0],
            target_scaling=wanted[1],
            brightest=int(x.max()) if x.dtype == torch.uint8 else None,
            classes=self.classes,
            image=self.image,
        )
        return replace(self, preparation=preparation)

    def to(self, device: torch.device | str) -> Examples:
        """These examples on `device`."""
        return replace(
            self,
            train=self.train.to(device),
            validation=None if self.validation is None else self.validation.to(device),
            test=None if self.test is None else self.test.to(device),
        )


def fingerprint(splits: Mapping[str, Split]) -> str:
    """SHA-256 over names, types, shapes and raw values of all parts, in hexadecimal digits."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        for part in ("x", "y", "weight"):
            values = getattr(split, part)
            if values is None or (part == "y" and values is split.x):
                continue
            digest.update(f"{name}.{part} {values.dtype} {tuple(values.shape)}\n".encode())
            digest.update(values.cpu().contiguous().numpy().data)
    return digest.hexdigest()
