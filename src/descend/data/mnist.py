"""MNIST and sets in its form: four IDX files, found on disk or downloaded with a checksum."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descend.data.download import RemoteFile, fetch
from descend.data.idx import read_pair
from descend.errors import DataError

_PARTS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
FILES = tuple(f"{part}-ubyte.gz" for part in _PARTS)


@dataclass(frozen=True)
class ImageSet:
    """Training and test images (examples, rows, columns) in uint8 with their labels in int64."""

    train: tuple[NDArray[np.uint8], NDArray[np.int64]]
    test: tuple[NDArray[np.uint8], NDArray[np.int64]]

    @property
    def image(self) -> tuple[int, int]:
        """Rows and columns of every image."""
        return self.train[0].shape[1], self.train[0].shape[2]


@dataclass(frozen=True)
class Published:
    """Where a set is published, what its four files are, and how to know it on sight."""

    mirrors: tuple[str, ...]
    files: tuple[RemoteFile, ...]
    torchvision: str  # the subfolder that torchvision puts it into
    first_labels: tuple[int, ...]


def _remote(*facts: tuple[str, int]) -> tuple[RemoteFile, ...]:
    return tuple(RemoteFile(name, *fact) for name, fact in zip(FILES, facts, strict=True))


PUBLISHED = {
    "mnist": Published(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
        ),
        files=_remote(
            ("440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609", 9_912_422),
            ("3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c", 28_881),
            ("8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6", 1_648_877),
            ("f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6", 4_542),
        ),
        torchvision="MNIST/raw",
        first_labels=(5, 0, 4, 1, 9, 2, 1, 3, 1, 4),
    ),
    "fashion-mnist": Published(
        mirrors=(
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion",
            "https://storage.googleapis.com/tensorflow/tf-keras-datasets",
        ),
        files=_remote(
            ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 26_421_880),
            ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 29_515),
            ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 4_422_102),
            ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 5_148),
        ),
        torchvision="FashionMNIST/raw",
        first_labels=(9, 0, 0, 3, 0, 2, 7, 2, 5, 5),
    ),
}


def load(name: str, data_dir: Path | str | None = None) -> ImageSet:
    """The published set `name` from disk, else downloaded into the user's cache.

    Looked for in `data_dir`, `$DESCEND_DATA` and the cache, in each first in a subfolder of its
    name (or torchvision's). Raises DataError with the places and the file names where it is nowhere
    to be had.
    """
    for place in search_places(name, data_dir):
        if files := find(place):
            return _known(name, place, _read(files, classes=10))
    return _read(_fetch(name, data_dir), classes=10)


def _fetch(name: str, data_dir: Path | str | None) -> list[Path]:
    published, target = PUBLISHED[name], cache_folder() / name
    try:
        return [
            _one(target, part) or fetch(file, published.mirrors, target)
            for part, file in zip(_PARTS, published.files, strict=True)
        ]
    except DataError as error:
        environment = os.environ.get("DESCEND_DATA")
        raise DataError(
            f"{name} must be on disk or be downloaded: it is not in "
            f"--data-dir ({data_dir or 'not given'}), DESCEND_DATA ({environment or 'not set'}) "
            f"or the cache ({cache_folder()}), and {error.message}",
            hint=f"put {', '.join(FILES)} (or the same unpacked, without .gz) into a folder, "
            f"or its subfolder {name}, and name that folder with --data-dir or DESCEND_DATA",
        ) from None


def _known(name: str, place: Path, images: ImageSet) -> ImageSet:
    """`images`, unless they are another published set: all sets name their files alike."""
    first = tuple(images.train[1][:10].tolist())
    for other, published in PUBLISHED.items():
        if other != name and first == published.first_labels:
            raise DataError(
                f"{place} must hold {name}: it holds {other}",
                hint=f"put each set into a subfolder of its name, here {place / name}",
            )
    return images


def load_folder(folder: Path | str) -> ImageSet:
    """The set whose four IDX files lie in `folder`; raises DataError that names what is missing."""
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        kind = "a file" if folder.exists() else "not there"
        raise DataError(
            f"`data.source` must be a directory with four IDX files: {folder} is {kind}",
            hint=f"the files are {', '.join(FILES)}, or the same without .gz",
        )
    files = find(folder)
    if files is None:
        missing = [name for part, name in zip(_PARTS, FILES, strict=True) if not _one(folder, part)]
        raise DataError(
            f"{folder} must hold four IDX files: {', '.join(missing)} are missing",
            hint="each may also be unpacked, without .gz",
        )
    return _read(files, classes=None)


def search_places(name: str, data_dir: Path | str | None = None) -> list[Path]:
    """The folders where the set `name` is looked for, in that order."""
    subfolders = (name, PUBLISHED[name].torchvision, "")
    return [root / subfolder for root in _roots(data_dir) for subfolder in subfolders]


def _roots(data_dir: Path | str | None) -> list[Path]:
    given = (data_dir, os.environ.get("DESCEND_DATA") or None)
    return [*(Path(root).expanduser() for root in given if root is not None), cache_folder()]


def cache_folder() -> Path:
    """The user's cache for data: `$XDG_CACHE_HOME/descend`, usually `~/.cache/descend`."""
    root = os.environ.get("XDG_CACHE_HOME")
    return (Path(root) if root else Path.home() / ".cache") / "descend"


def find(folder: Path) -> list[Path] | None:
    """The four files in `folder` in the order of `FILES`, or None where one is missing."""
    found = [_one(folder, part) for part in _PARTS]
    files = [path for path in found if path is not None]
    return files if len(files) == len(_PARTS) else None


def _one(folder: Path, part: str) -> Path | None:
    """The file of one part, packed or not, in LeCun's spelling or with a dot before `idx`."""
    for stem in (f"{part}-ubyte", f"{part.replace('-idx', '.idx')}-ubyte"):
        for ending in (".gz", ""):
            path = folder / (stem + ending)
            if path.is_file():
                return path
    return None


def _read(files: Sequence[Path], classes: int | None) -> ImageSet:
    train = read_pair(files[0], files[1], classes)
    known = classes if classes is not None else int(train[1].max()) + 1
    test = read_pair(files[2], files[3], known)
    if train[0].shape[1:] != test[0].shape[1:]:
        sizes = [_size(images) for images, _ in (train, test)]
        raise DataError(
            f"{files[2]} must hold images of {sizes[0]} pixels like {files[0]}: {sizes[1]}",
            hint="they come from two different sets",
        )
    return ImageSet(train, test)


def _size(images: NDArray[Any]) -> str:
    return " x ".join(str(size) for size in images.shape[1:])
