"""Arrays: the examples of a case, as its own generator makes them, and as descend takes them."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descend.data.arrays import from_arrays
from descend.data.examples import Examples
from descend.data.idx import read_pair
from descend.data.mnist import PUBLISHED, find, search_places
from descend.data.targets import infer_task
from descend.errors import DataError
from descend.recipe.model import Data

from .cases import Case
from .reasons import Inexpressible, Unavailable

Array = NDArray[Any]
Roots = tuple[Path | None, ...]
GENERATORS = "generators.py"
SHARED = Path(__file__).resolve().parents[3] / "shared"  # beside the project, where it is there
HELD_OUT = ("validation", "test")
NOISE = re.compile(r"labels (\d)\.\.(\d) replaced by a random label of \{([\d, ]+)\}")


_last: dict[str, Arrays] = {}


@dataclass(frozen=True, eq=False)
class Arrays:
    """Training and held-out examples after the case's own preprocessing."""

    x: Array
    y: Array
    x_held_out: Array
    y_held_out: Array
    is_test: bool = False

    @property
    def held_out_as(self) -> str | None:
        """What the held-out examples are, if there are any."""
        if not len(self.x_held_out):
            return None
        return "test" if self.is_test else "validation"

    @property
    def targets_are_inputs(self) -> bool:
        return self.x.shape == self.y.shape and np.array_equal(self.x, self.y)

    @property
    def is_zero_or_one(self) -> bool:
        return bool(np.isin(self.y, (0, 1)).all() and np.isin(self.y_held_out, (0, 1)).all())

    @property
    def is_one_hot(self) -> bool:
        is_table = self.y.ndim == 2 and self.y.shape[1] > 1
        return is_table and self.is_zero_or_one and bool((self.y.sum(axis=1) == 1).all())

    @property
    def is_whole(self) -> bool:
        return bool((self.y % 1 == 0).all() and (self.y_held_out % 1 == 0).all())


def load(case: Case, folder: Path, data_dir: Path | None, seed: int = 0) -> Arrays:
    """The examples of a case, by the generator that lies beside it; raises Unavailable.

    Those of the last case are kept: many cases in turn have the same images.
    """
    units = case.tree["layers"][-1].get("units")  # the width of one-hot targets
    key = json.dumps([case.tree["data"], case.tree["preprocessing"], units, seed], sort_keys=True)
    if key not in _last:
        _last.clear()
        _last[key] = _made(case, folder, data_dir, seed)
    return _last[key]


def _made(case: Case, folder: Path, data_dir: Path | None, seed: int) -> Arrays:
    own = folder / GENERATORS
    generators = _generators(own if own.is_file() else SHARED / "corpus" / GENERATORS)
    tree = dict(case.tree)
    data = tree["data"]
    if data["kind"] in ("mnist", "fashion_mnist"):
        tree["data"] = _inline(data, (data_dir, SHARED / "data", folder.parent / "data"), seed)
    try:
        made = generators.load(tree, seed=seed)
    except generators.Unavailable as error:
        raise Unavailable(f"the data {error}") from None
    x, y, x_held_out, y_held_out = (
        np.asarray(made[name]) for name in ("x_train", "y_train", "x_val", "y_val")
    )
    pre = tree["preprocessing"]
    is_test = "test" in data or pre.get("test_input", pre.get("input")) != pre.get("input")
    return Arrays(x, y, x_held_out, y_held_out, is_test)


def as_examples(
    arrays: Arrays, task: str, data: Mapping[str, Any]
) -> Examples | tuple[Array, Array | None]:
    """The examples for descend; the bare pair where descend refuses them, so that it says so."""
    y, y_held_out, classes = _classes(arrays, task)
    is_autoencoder = task == "autoencoder"
    pair = (arrays.x, None if is_autoencoder else y)
    held_out = (arrays.x_held_out, None if is_autoencoder else y_held_out)
    parts = {part: held_out if arrays.held_out_as == part else None for part in HELD_OUT}
    try:
        return from_arrays(
            *pair,
            Data.model_validate({**data, "task": task}),
            validation=parts["validation"],
            test=parts["test"],
            classes=classes,
        )
    except DataError:
        return pair


def is_inferred(arrays: Arrays, task: str) -> bool:
    """Whether descend reads the task from the targets, so that nobody would write it down."""
    try:
        return infer_task(_classes(arrays, task)[0]) == task
    except DataError:
        return False


def _classes(arrays: Arrays, task: str) -> tuple[Array, Array, list[str] | None]:
    """Targets; class numbers as the case has them, named where descend would number them anew."""
    y, y_held_out = arrays.y, arrays.y_held_out
    if task not in ("binary", "multiclass"):
        return y, y_held_out, None
    if arrays.is_one_hot:
        y, y_held_out = (
            y.argmax(axis=1),
            y_held_out.argmax(axis=1) if len(y_held_out) else y_held_out,
        )
    if task == "binary":
        return y, y_held_out, None
    y, y_held_out = y.astype(np.int64).reshape(-1), y_held_out.astype(np.int64).reshape(-1)
    everything = np.unique(np.concatenate([y, y_held_out]))
    as_numbered = np.arange(len(np.unique(y)))
    if np.array_equal(everything, as_numbered):
        return y, y_held_out, None
    count = arrays.y.shape[1] if arrays.is_one_hot else len(everything)
    return y, y_held_out, [f"class {number}" for number in range(count)]


def _inline(data: Mapping[str, Any], roots: Roots, seed: int) -> dict[str, Any]:
    """The images as data that the generator knows: it splits them and prepares them."""
    images, labels, test_images, test_labels = _images(data["kind"], roots)
    if "label_noise" in data:
        labels = _noisy(labels, data["label_noise"], seed)
    x = np.concatenate([images[: data["n_train"]], test_images[: data.get("n_val", 0)]])
    y = np.concatenate([labels[: data["n_train"]], test_labels[: data.get("n_val", 0)]])
    rest = {key: value for key, value in data.items() if key not in ("kind", "params", "n_train")}
    n_train = min(data["n_train"], len(images))
    return {**rest, "kind": "inline", "n_train": n_train, "x": x.reshape(len(x), -1), "y": y}


def _noisy(labels: Array, noise: str, seed: int) -> Array:
    if (said := NOISE.fullmatch(noise)) is None:
        raise Inexpressible(f"label noise: {noise}")
    low, high, among = (
        int(said[1]),
        int(said[2]),
        np.array([int(one) for one in said[3].split(",")]),
    )
    drawn = np.random.default_rng(seed).choice(among, len(labels))
    return np.where((labels >= low) & (labels <= high), drawn, labels)


@cache
def _images(kind: str, roots: Roots) -> tuple[Array, Array, Array, Array]:
    for place in (place for root in roots for place in search_places(kind, root)):
        if (files := find(place)) is not None:
            train, test = read_pair(files[0], files[1], 10), read_pair(files[2], files[3], 10)
            if tuple(train[1][:10].tolist()) == PUBLISHED[kind].first_labels:
                return *train, *test
    raise Unavailable(f"the data {kind}: give --data-dir or DESCEND_DATA")


@cache
def _generators(path: Path) -> ModuleType:
    spec = spec_from_file_location("corpus_generators", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise Unavailable(f"{GENERATORS}, which makes the data")
    module = module_from_spec(spec)
    was = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # the folder belongs to somebody else
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = was
    return module
