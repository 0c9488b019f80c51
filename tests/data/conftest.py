"""What the tests of the data share: small image sets on disk, and no way to the network."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from descend.data import mnist

MakeSet = Callable[..., Path]


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write uint8 values as an IDX file, packed where the name ends in .gz."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


@pytest.fixture
def make_set() -> MakeSet:
    """Writes a small MNIST-like set into a folder: each image is filled with its own number."""

    def make(
        folder: Path, train: int = 40, test: int = 20, *, side: int = 4, ending: str = ".gz"
    ) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for part, count in (("train", train), ("t10k", test)):
            values = np.arange(count, dtype=np.uint8)
            images = np.broadcast_to(values[:, None, None], (count, side, side))
            write_idx(folder / f"{part}-images-idx3-ubyte{ending}", images)
            write_idx(folder / f"{part}-labels-idx1-ubyte{ending}", values % 10)
        return folder

    return make


@pytest.fixture(autouse=True)
def closed_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test reaches a mirror, the user's cache or a data folder of the surroundings."""
    for name in (
        "http_proxy",
        "https_proxy",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("DESCEND_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    closed = {
        name: mnist.Published(
            ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"),
            published.files,
            published.torchvision,
            published.first_labels,
        )
        for name, published in mnist.PUBLISHED.items()
    }
    monkeypatch.setattr(mnist, "PUBLISHED", closed)
