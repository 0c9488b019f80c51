"""IDX files, the format of MNIST: read whole, every header field checked against the real length.

Layout: two zero bytes, one byte for the type of the values, one for the number of dimensions, each
dimension as a big-endian uint32, then the values, big-endian, the last dimension fastest.
Source: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits".
"""

from __future__ import annotations

import gzip
import io
import math
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from descend.errors import DataError

# The type byte of the header -> the values as they lie in the file.
_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_DIMENSIONS = 8
_CHUNK = 1 << 22
_AGAIN = "copy or download the file again"


def read(path: Path | str) -> NDArray[Any]:
    """The array that an IDX file holds, plain or gzip by its first bytes and not by its name.

    Raises DataError for a file that cannot be read, whose header is none, or whose length is not
    what the header says. Never more is read than the header says, whatever the file claims to be.
    """
    path = Path(path)
    try:
        with path.open("rb") as raw:
            is_gzip = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not is_gzip:
                return _parse(path, raw)
            with gzip.GzipFile(fileobj=raw) as stream:
                return _parse(path, stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} must be a whole gzip file: {error}", hint=_AGAIN) from None
    except OSError as error:
        raise DataError(f"{path} must be a readable file: {error.strerror or error}") from None


def read_images(path: Path | str) -> NDArray[np.uint8]:
    """Images as (examples, rows, columns) in uint8."""
    images = read(path)
    if images.ndim != 3 or images.dtype != np.uint8:
        raise DataError(
            f"{path} must hold images, uint8 in 3 dimensions: {_kind(images)}",
            hint="images and labels are two files; are their names swapped?",
        )
    return images


def read_labels(path: Path | str, classes: int | None = None) -> NDArray[np.int64]:
    """Labels as (examples,) in int64, each from 0 to `classes` - 1 where that number is given."""
    labels = read(path)
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise DataError(
            f"{path} must hold labels, whole numbers in 1 dimension: {_kind(labels)}",
            hint="images and labels are two files; are their names swapped?",
        )
    below = 256 if classes is None else classes
    wrong = np.flatnonzero((labels < 0) | (labels >= below))
    if wrong.size:
        first = int(wrong[0])
        raise DataError(
            f"{path} must hold labels from 0 to {below - 1}: "
            f"label {first} is {int(labels[first])} ({wrong.size} of {labels.size} are outside)",
            hint=_AGAIN,
        )
    return labels.astype(np.int64)


def read_pair(
    images: Path | str, labels: Path | str, classes: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images and their labels, as many of the one as of the other."""
    x, y = read_images(images), read_labels(labels, classes)
    if len(x) != len(y):
        raise DataError(
            f"{images} and {labels} must be of one length: {len(x)} images, {len(y)} labels",
            hint="they come from two different sets",
        )
    return x, y


def _parse(path: Path, stream: io.BufferedIOBase) -> NDArray[Any]:
    magic = stream.read(4)
    if len(magic) < 4:
        raise DataError(
            f"{path} must begin with 4 header bytes: it holds {len(magic)}", hint=_AGAIN
        )
    if magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise DataError(
            f"{path} must be an IDX file, which begins with 0 0 and a type from 8 to 14: "
            f"it begins with {' '.join(str(byte) for byte in magic[:3])}",
            hint="MNIST-like sets are four files such as train-images-idx3-ubyte.gz",
        )
    shape = _shape(path, stream, dimensions=magic[3])
    dtype = np.dtype(_TYPES[magic[2]])
    expected = math.prod(shape) * dtype.itemsize
    values = _read_most(stream, expected + 1)
    if len(values) != expected:
        found = f"{len(values):,}" if len(values) < expected else "more"
        sizes = " x ".join(str(size) for size in shape)
        raise DataError(
            f"{path} must hold {expected:,} bytes of values, its header says {sizes}: "
            f"it holds {found}",
            hint=_AGAIN,
        )
    array = np.frombuffer(values, dtype).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _shape(path: Path, stream: io.BufferedIOBase, dimensions: int) -> tuple[int, ...]:
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise DataError(
            f"{path} must have 1 to {_MOST_DIMENSIONS} dimensions: its header says {dimensions}",
            hint=_AGAIN,
        )
    header = stream.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise DataError(
            f"{path} must have {4 * dimensions} header bytes for its {dimensions} dimensions: "
            f"it ends after {len(header)}",
            hint=_AGAIN,
        )
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
    if 0 in shape:
        sizes = " x ".join(str(size) for size in shape)
        raise DataError(f"{path} must hold at least one value: its header says {sizes}")
    return shape


def _read_most(stream: io.BufferedIOBase, most: int) -> bytearray:
    """Up to `most` bytes, chunk by chunk: a header that lies about its size costs no memory."""
    values = bytearray()
    while len(values) < most:
        chunk = stream.read(min(_CHUNK, most - len(values)))
        if not chunk:
            break
        values += chunk
    return values


def _kind(array: NDArray[Any]) -> str:
    sizes = " x ".join(str(size) for size in array.shape)
    return f"it holds {array.dtype} of {sizes}"
