"""MNIST-like sets: found in the order that is promised, downloaded whole or not at all."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from descend.data import load, mnist
from descend.data.download import RemoteFile, fetch
from descend.errors import DataError
from descend.recipe import Data


class QuietFiles(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *parts: object) -> None: ...


class Silence(BaseHTTPRequestHandler):
    """Accepts a request and does not answer for two seconds."""

    def do_GET(self) -> None:
        time.sleep(2)

    def log_message(self, *parts: object) -> None: ...


@contextmanager
def serving(handler: object) -> Iterator[str]:
    """The address of a local server with `handler`."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def publish(monkeypatch: pytest.MonkeyPatch, folder: Path, *mirrors: str) -> None:
    """Make the files of `folder` the published ones."""
    files = tuple(
        RemoteFile(name, hashlib.sha256(content).hexdigest(), len(content))
        for name in mnist.FILES
        for content in [(folder / name).read_bytes()]
    )
    published = replace(mnist.PUBLISHED["mnist"], mirrors=mirrors, files=files)
    monkeypatch.setitem(mnist.PUBLISHED, "mnist", published)


def test_places_are_searched_in_the_promised_order(tmp_path, monkeypatch, make_set) -> None:
    """data_dir comes before $DESCEND_DATA, which comes before the cache; a subfolder is enough."""
    make_set(tmp_path / "cache" / "descend" / "mnist", train=11)
    assert len(mnist.load("mnist").train[0]) == 11
    make_set(tmp_path / "env" / "MNIST" / "raw", train=12)
    monkeypatch.setenv("DESCEND_DATA", str(tmp_path / "env"))
    assert len(mnist.load("mnist").train[0]) == 12
    make_set(tmp_path / "given", train=13)
    assert len(mnist.load("mnist", tmp_path / "given").train[0]) == 13
    make_set(tmp_path / "given" / "mnist", train=14)
    assert len(mnist.load("mnist", str(tmp_path / "given")).train[0]) == 14


@pytest.mark.parametrize("ending", [".gz", ""])
def test_files_are_found_packed_and_unpacked(tmp_path, make_set, ending) -> None:
    """Both forms of the four files make the same set."""
    images = mnist.load("mnist", make_set(tmp_path / "set", ending=ending))
    assert images.image == (4, 4)
    assert images.train[1][:12].tolist() == [*range(10), 0, 1]


def test_the_spelling_with_a_dot_is_found(tmp_path, make_set) -> None:
    """`train-images.idx3-ubyte`, as some archives unpack it, is the same file."""
    folder = make_set(tmp_path, ending="")
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("-idx", ".idx"))
    assert len(mnist.load_folder(folder).train[0]) == 40


def test_an_incomplete_folder_is_passed_over(tmp_path, make_set) -> None:
    """Three of the four files are no set: the next place is asked."""
    make_set(tmp_path / "cache" / "descend" / "mnist", train=11)
    (make_set(tmp_path / "given") / mnist.FILES[3]).unlink()
    assert len(mnist.load("mnist", tmp_path / "given").train[0]) == 11


def test_without_a_network_the_error_comes_at_once_and_names_what_to_do(tmp_path) -> None:
    """All places and the four file names are in the error, within a second."""
    begin = time.perf_counter()
    with pytest.raises(DataError) as caught:
        mnist.load("fashion-mnist", tmp_path / "given")
    assert time.perf_counter() - begin < 1
    assert f"--data-dir ({tmp_path / 'given'}), DESCEND_DATA (not set)" in caught.value.message
    assert f"the cache ({tmp_path / 'cache' / 'descend'})" in caught.value.message
    assert "Connection refused" in caught.value.message
    assert caught.value.hint is not None
    assert all(name in caught.value.hint for name in mnist.FILES)
    assert list(tmp_path.rglob("*ubyte*")) == []


def test_a_set_is_downloaded_once_and_kept(tmp_path, monkeypatch, make_set) -> None:
    """The second mirror serves where the first has nothing; the cache serves ever after."""
    made = make_set(tmp_path / "site", train=30)
    with serving(partial(QuietFiles, directory=str(made))) as address:
        publish(monkeypatch, made, f"{address}/nowhere", address)
        assert len(mnist.load("mnist").train[0]) == 30
    cache = tmp_path / "cache" / "descend" / "mnist"
    assert sorted(path.name for path in cache.iterdir()) == sorted(mnist.FILES)
    assert len(mnist.load("mnist").train[0]) == 30


def test_a_file_with_another_checksum_never_arrives(tmp_path, monkeypatch, make_set) -> None:
    """A mirror that serves other bytes, fewer or more, leaves no file behind."""
    made = make_set(tmp_path / "site")
    with serving(partial(QuietFiles, directory=str(made))) as address:
        publish(monkeypatch, made, address)
        path = made / mnist.FILES[0]
        content = path.read_bytes()
        changed = bytes([*content[:-1], content[-1] ^ 1])
        for wrong, reason in (
            (changed, "with SHA-256"),
            (content[:-5], "with SHA-256"),
            (content + b"\0", "more than the published"),
        ):
            path.write_bytes(wrong)
            with pytest.raises(DataError, match=reason):
                mnist.load("mnist")
    assert list((tmp_path / "cache").rglob("*ubyte*")) == []


def test_a_mirror_that_says_nothing_costs_no_more_than_the_timeout(tmp_path) -> None:
    """A silent host is given up after the timeout, and the reason is told."""
    with serving(Silence) as address:
        begin = time.perf_counter()
        with pytest.raises(DataError, match="timed out"):
            fetch(RemoteFile("x", "0" * 64, 1), [address], tmp_path, timeout=0.2)
        assert time.perf_counter() - begin < 1.5


def test_a_missing_file_on_the_mirror_is_told_with_its_status(tmp_path) -> None:
    """The HTTP status is in the reason."""
    with (
        serving(partial(QuietFiles, directory=str(tmp_path))) as address,
        pytest.raises(DataError, match="HTTP Error 404"),
    ):
        fetch(RemoteFile("x", "0" * 64, 1), [address], tmp_path)


def test_a_cache_that_cannot_be_written_is_told(tmp_path, monkeypatch, make_set) -> None:
    """A file where the cache should be is named as the reason."""
    made = make_set(tmp_path / "site")
    (tmp_path / "cache").write_text("in the way")
    with serving(partial(QuietFiles, directory=str(made))) as address:
        publish(monkeypatch, made, address)
        with pytest.raises(DataError, match=r"Not a directory"):
            mnist.load("mnist")


def test_one_set_under_the_name_of_another_is_refused(tmp_path, make_set) -> None:
    """MNIST in a folder that is asked for Fashion-MNIST is not taken for it."""
    folder = make_set(tmp_path / "set")
    labels = np.array([*mnist.PUBLISHED["mnist"].first_labels, *range(10)] * 2, np.uint8)
    header = bytes([0, 0, 8, 1, 0, 0, 0, 40])
    (folder / mnist.FILES[1]).write_bytes(header + labels.tobytes())
    assert len(mnist.load("mnist", folder).train[0]) == 40
    with pytest.raises(DataError, match="must hold fashion-mnist: it holds mnist"):
        mnist.load("fashion-mnist", folder)


def test_a_set_whose_test_images_have_another_size_is_refused(tmp_path, make_set) -> None:
    """Training and test images must fit one network."""
    folder = make_set(tmp_path / "set", side=4)
    other = make_set(tmp_path / "other", side=5)
    for name in mnist.FILES[2:]:
        (other / name).rename(folder / name)
    with pytest.raises(DataError, match=r"4 x 4 pixels.*: 5 x 5"):
        mnist.load_folder(folder)


def test_a_path_is_a_source(tmp_path, make_set) -> None:
    """A directory with four IDX files is a source like a named one, with its own test set."""
    examples = load(Data.model_construct(source=str(make_set(tmp_path / "mine")), validation=0))
    assert examples.name == "mine"
    assert (len(examples.train), len(examples.split("test"))) == (40, 20)
    assert examples.train.x[:, 0].tolist() == list(range(40))
    assert examples.image == (4, 4)
    assert examples.classes == tuple("0123456789")


@pytest.mark.parametrize("place", ["missing", "file.csv", "empty"])
def test_a_path_without_a_set_is_refused(tmp_path, place) -> None:
    """A missing folder, a file and an empty folder are each told apart."""
    (tmp_path / "file.csv").write_text("a,b\n")
    (tmp_path / "empty").mkdir()
    reason = {"missing": "is not there", "file.csv": "is a file", "empty": "are missing"}[place]
    with pytest.raises(DataError, match=reason):
        load(Data.model_construct(source=str(tmp_path / place)))


def test_mnist_is_the_published_set(mnist_dir: Path) -> None:
    """Index i of the training set is row i of the file; MD5 of the values as published."""
    examples = load(Data.model_construct(source="mnist", validation=0), mnist_dir)
    images = mnist.load("mnist", mnist_dir)
    assert (len(examples.train), len(examples.split("test"))) == (60_000, 10_000)
    assert examples.train.x.numpy().tobytes() == images.train[0].tobytes()
    assert examples.train.y[:10].tolist() == list(mnist.PUBLISHED["mnist"].first_labels)
    header = bytes([0, 0, 8, 1]) + (60_000).to_bytes(4, "big")
    labels = header + examples.train.y.numpy().astype(np.uint8).tobytes()
    assert hashlib.md5(labels).hexdigest() == "a25bea736e30d166cdddb491f175f624"
    assert examples.validation is None


def test_five_thousand_images_of_mnist_are_held_out_by_default(mnist_dir: Path) -> None:
    """55,000 train, 5,000 validate, each class in its proportion to one image."""
    examples = load(Data.model_construct(source="mnist"), mnist_dir)
    validation = examples.split("validation")
    assert (len(examples.train), len(validation)) == (55_000, 5_000)
    whole = examples.train.y.bincount() + validation.y.bincount()
    assert (validation.y.bincount() - whole / 12).abs().max() <= 1
