"""IDX files: what is written is read, and whatever is wrong is named."""

from __future__ import annotations

import contextlib
import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from descend.data import idx
from descend.errors import DataError

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def encode(array: np.ndarray) -> bytes:
    """The IDX bytes of an array, written independently of the reader."""
    code = CODES[array.dtype.str[1:]]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


IMAGES = np.arange(3 * 2 * 4, dtype=np.uint8).reshape(3, 2, 4)
LABELS = np.array([2, 0, 1], np.uint8)
PACKED = gzip.compress(encode(IMAGES), mtime=0)

arrays = st.sampled_from(sorted(CODES)).flatmap(
    lambda code: stn.arrays(
        np.dtype(code),
        stn.array_shapes(min_dims=1, max_dims=4, max_side=5),
        elements=stn.from_dtype(np.dtype(code), allow_nan=False),
    )
)


@given(array=arrays, is_gzip=st.booleans())
def test_an_array_is_read_as_it_was_written(
    tmp_path_factory: pytest.TempPathFactory, array: np.ndarray, is_gzip: bool
) -> None:
    """Every type and shape survives writing and reading, packed or not, whatever the name says."""
    path = tmp_path_factory.mktemp("idx") / "values"
    path.write_bytes(gzip.compress(encode(array)) if is_gzip else encode(array))
    read = idx.read(path)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


@given(data=st.data(), is_gzip=st.booleans())
def test_a_damaged_file_is_refused_or_read_as_another_valid_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, is_gzip: bool
) -> None:
    """Any cut, any longer file and any changed byte ends in DataError or in a sound array."""
    whole = encode(IMAGES)
    whole = gzip.compress(whole, mtime=0) if is_gzip else whole
    kind = data.draw(st.sampled_from(["cut", "longer", "changed"]))
    if kind == "cut":
        damaged = whole[: data.draw(st.integers(0, len(whole) - 1))]
    elif kind == "longer":
        damaged = whole + data.draw(st.binary(min_size=1, max_size=20))
    else:
        position = data.draw(st.integers(0, len(whole) - 1))
        damaged = bytearray(whole)
        damaged[position] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("idx") / "values"
    path.write_bytes(damaged)
    try:
        array = idx.read(path)
    except DataError:
        pass
    else:
        is_padding = kind == "longer" and is_gzip and not any(damaged[len(whole) :])
        assert kind == "changed" or is_padding
        assert array.ndim >= 1


@given(noise=st.binary(max_size=80))
def test_bytes_that_are_no_idx_file_never_end_in_another_error(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes
) -> None:
    """The reader knows one error only, whatever it is given."""
    path = tmp_path_factory.mktemp("idx") / "values"
    for content in (noise, b"\0\0\x08" + noise, b"\x1f\x8b" + noise, gzip.compress(noise)):
        path.write_bytes(content)
        with contextlib.suppress(DataError):
            idx.read(path)


WRONG = [
    (b"", "begin with 4 header bytes: it holds 0"),
    (b"\0\0\x08", "begin with 4 header bytes: it holds 3"),
    (b"\x01\0\x08\x01" + bytes(5), "it begins with 1 0 8"),
    (b"\0\0\x07\x01" + bytes(5), "it begins with 0 0 7"),
    (b"\0\0\x08\0\x05", "1 to 8 dimensions: its header says 0"),
    (b"\0\0\x08\xff" + bytes(4), "1 to 8 dimensions: its header says 255"),
    (b"\0\0\x08\x03" + bytes(7), "12 header bytes for its 3 dimensions: it ends after 7"),
    (b"\0\0\x08\x02" + struct.pack(">2I", 0, 7), "at least one value: its header says 0 x 7"),
    (encode(IMAGES)[:-1], "24 bytes of values, its header says 3 x 2 x 4: it holds 23"),
    (encode(IMAGES) + b"\0", "24 bytes of values, its header says 3 x 2 x 4: it holds more"),
    (b"\0\0\x0e\x04" + b"\xff" * 16 + b"abc", "it holds 3"),
    (PACKED[:-9], "must be a whole gzip file"),
    (PACKED[:15], "must be a whole gzip file"),
    (b"\x1f\x8bno", "must be a whole gzip file"),
    (PACKED + b"more", "must be a whole gzip file"),
    (gzip.compress(encode(IMAGES) + b"\0", mtime=0), "it holds more"),
]


@pytest.mark.parametrize(
    ("content", "expected"), WRONG, ids=[f"wrong-{k}" for k in range(len(WRONG))]
)
def test_every_header_field_and_the_length_are_checked(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    """The message names the file, what it holds and what was expected."""
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        idx.read(path)
    assert expected in caught.value.message
    assert str(path) in caught.value.message


def test_a_wrong_checksum_inside_gzip_is_noticed(tmp_path: Path) -> None:
    """Values that were changed after packing are refused, though their number is right."""
    packed = bytearray(PACKED)
    packed[-8] ^= 1
    (tmp_path / "x.gz").write_bytes(packed)
    with pytest.raises(DataError, match="whole gzip file: CRC check failed"):
        idx.read(tmp_path / "x.gz")


def test_a_header_that_promises_too_much_costs_no_memory(tmp_path: Path) -> None:
    """A file of 24 bytes that claims 2^35 values is refused at once."""
    path = tmp_path / "values"
    path.write_bytes(b"\0\0\x08\x02" + struct.pack(">2I", 2**17, 2**18) + b"few")
    with pytest.raises(DataError, match="34,359,738,368 bytes of values"):
        idx.read(path)


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    """A missing file and a directory are DataErrors with the path."""
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(DataError, match="must be a readable file") as caught:
            idx.read(path)
        assert str(path) in caught.value.message


def test_images_and_labels_that_are_swapped_are_named(tmp_path: Path) -> None:
    """Labels in place of images, and images in place of labels, are refused with the hint."""
    (tmp_path / "images").write_bytes(encode(IMAGES))
    (tmp_path / "labels").write_bytes(encode(LABELS))
    with pytest.raises(DataError, match="must hold images") as caught:
        idx.read_images(tmp_path / "labels")
    assert caught.value.hint is not None
    assert "swapped" in caught.value.hint
    with pytest.raises(DataError, match="must hold labels"):
        idx.read_labels(tmp_path / "images")


@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "i4"])
def test_labels_outside_the_classes_are_named_with_their_place(tmp_path: Path, dtype: str) -> None:
    """The first wrong label, its value and how many there are."""
    (tmp_path / "labels").write_bytes(encode(np.array([0, 1, 9, 1, 12], dtype)))
    assert idx.read_labels(tmp_path / "labels", classes=13).tolist() == [0, 1, 9, 1, 12]
    with pytest.raises(DataError, match=r"from 0 to 8: label 2 is 9 \(2 of 5 are outside\)"):
        idx.read_labels(tmp_path / "labels", classes=9)


def test_negative_labels_are_refused(tmp_path: Path) -> None:
    """A class number is 0 or more, also where the number of classes is not known."""
    (tmp_path / "labels").write_bytes(encode(np.array([0, -1], "i1")))
    with pytest.raises(DataError, match="label 1 is -1"):
        idx.read_labels(tmp_path / "labels")


def test_images_and_labels_must_be_as_many(tmp_path: Path) -> None:
    """Three images with two labels are no set."""
    (tmp_path / "images").write_bytes(encode(IMAGES))
    (tmp_path / "labels").write_bytes(encode(LABELS[:2]))
    with pytest.raises(DataError, match="3 images, 2 labels"):
        idx.read_pair(tmp_path / "images", tmp_path / "labels")
