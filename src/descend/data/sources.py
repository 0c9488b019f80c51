"""Sources: the examples that a recipe's `[data]` asks for, by name or by path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from descend.data import mnist, toys
from descend.data.arrays import refuse_toy_fields
from descend.data.assembly import Whole, assemble
from descend.data.examples import Examples, Split
from descend.data.names import SOURCES, VALIDATION_SHARE, Source, is_path, tasks_of, unknown_source
from descend.data.targets import Targets, as_targets
from descend.errors import DataError
from descend.recipe.model import Data

_DIGITS_BRIGHTEST = 16


def load(data: Data, data_dir: Path | str | None = None) -> Examples:
    """The examples that `data` asks for, split and prepared.

    `data_dir` is where MNIST-like sets are looked for first. Raises DataError where the source does
    not exist, is corrupt, or cannot serve the task.
    """
    name = data.source
    if is_path(name):
        folder = Path(name).expanduser()
        return assemble(_images(mnist.load_folder(folder), folder.name, None, data), data)
    if name not in SOURCES:
        raise unknown_source(name)
    source = SOURCES[name]
    if not source.sized:
        refuse_toy_fields(data, name)
    if source.has_own_test:
        return assemble(_images(mnist.load(name, data_dir), name, source, data), data)
    return assemble(_toy(source, data), data)


def _toy(source: Source, data: Data) -> Whole:
    if source.noise is None and data.noise is not None:
        raise DataError(f"`data.noise` must be absent for {source.name}: {data.noise}")
    least = max(len(source.classes or ()), 1)
    if data.examples is not None and data.examples < least:
        raise DataError(
            f"`data.examples` must be {least} or more for {source.name}: {data.examples}"
        )
    x, y = toys.make(source.name, data.examples, data.noise, max(data.seed, 0))
    task = _task(source.name, source.task, data)
    values = torch.from_numpy(x)
    return Whole(
        name=source.name,
        task=task,
        x=values,
        targets=_targets(values, y, source.task, task, source.classes),
        scale=source.scale,
        target_scale=source.target_scale,
        validation=source.validation,
        test=source.test or 0,
        image=source.image,
        brightest=_DIGITS_BRIGHTEST if source.name == "digits" else None,
        generated=_generated(source),
    )


def _generated(source: Source) -> dict[str, Any]:
    """The fields of `[data]` that only a generated set has, as the source chooses them."""
    fields: dict[str, Any] = {"examples": source.examples} if source.sized else {}
    return fields if source.noise is None else {**fields, "noise": source.noise}


def _images(images: mnist.ImageSet, name: str, source: Source | None, data: Data) -> Whole:
    task = _task(name, "multiclass", data)
    classes = source.classes if source else None
    if classes is None:
        classes = tuple(str(k) for k in range(max(int(images.train[1].max()) + 1, 2)))
    x, y = (torch.from_numpy(array) for array in _flat(*images.train))
    own_x, own_y = (torch.from_numpy(array) for array in _flat(*images.test))
    is_autoencoder = task == "autoencoder"
    return Whole(
        name=name,
        task=task,
        x=x,
        targets=Targets(
            x if is_autoencoder else y,
            outputs=x.shape[1] if is_autoencoder else len(classes),
            classes=None if is_autoencoder else classes,
            labels=images.train[1],
        ),
        scale="unit",
        target_scale="none",
        validation=source.validation if source else VALIDATION_SHARE,
        test=0,
        own_test=Split(own_x, own_x if is_autoencoder else own_y),
        image=images.image,
        brightest=255,
    )


def _flat(
    images: NDArray[np.uint8], labels: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    return images.reshape(len(images), -1), labels


def _targets(
    x: torch.Tensor, y: NDArray[Any], natural: str, task: str, classes: tuple[str, ...] | None
) -> Targets:
    """The targets for `task`; class numbers stay for the split where the task needs none."""
    if task == "autoencoder":
        labels = as_targets(y, natural, classes).labels
        return Targets(x, outputs=x.shape[-1], labels=labels)
    return as_targets(y, task, classes)


def _task(name: str, natural: str, data: Data) -> str:
    """The task that `data` asks for, where examples made for `natural` can serve it."""
    choices = tasks_of(natural)
    if data.target not in (None, "label", "inputs"):
        raise DataError(
            f'`data.target` must be "label" or "inputs" for {name}: {data.target!r}',
            hint="other names are columns of a table",
        )
    wanted = data.task
    if data.target == "inputs":
        if wanted not in (None, "autoencoder"):
            raise DataError(
                f'`data.task` must be autoencoder where `data.target = "inputs"`: {wanted!r}'
            )
        wanted = "autoencoder"
    if wanted is None:
        return natural
    if wanted not in choices:
        raise DataError(
            f"`data.task` must be {' or '.join(choices)} for {name}: {wanted!r}",
            hint="leave `data.task` out, and descend takes the one that fits",
        )
    return wanted
