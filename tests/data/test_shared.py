"""Examples in a file are those that were written, mapped and not copied."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from descend.data.examples import Examples, fingerprint
from descend.data.shared import read_shared, write_shared
from descend.intake import complete_with_examples
from descend.recipe import Recipe

KINDS: dict[str, dict[str, Any]] = {
    "binary": {"source": "moons", "examples": 50},
    "regression": {"source": "sine", "examples": 50},
    "multiclass": {"source": "digits", "limit": 60, "test": 0.2},
    "multilabel": {"source": "multilabel", "examples": 50},
    "autoencoder": {"source": "digits", "limit": 60, "target": "inputs"},
    "pixels": {"source": "shapes", "examples": 12},
    "nothing held out": {"source": "xor"},
}


def examples_of(data: dict[str, Any], arrays: Any = None) -> Examples:
    return complete_with_examples(Recipe.of({"data": data}), arrays)[1]


@pytest.mark.parametrize("kind", KINDS)
def test_examples_are_read_back_bit_for_bit(kind: str, tmp_path: Path) -> None:
    """Every part, every type, and all that is known of them."""
    examples = examples_of(KINDS[kind])
    write_shared(tmp_path / "data.safetensors", examples)
    again = read_shared(tmp_path / "data.safetensors")
    assert again.splits.keys() == examples.splits.keys()
    for name, split in examples.splits.items():
        for part in ("x", "y", "weight"):
            one, other = getattr(split, part), getattr(again.splits[name], part)
            assert (one is None) == (other is None)
            if one is not None:
                assert one.dtype == other.dtype
                assert torch.equal(one, other)
        # an autoencoder's targets are its inputs, in memory as well
        assert (split.y is split.x) == (again.splits[name].y is again.splits[name].x)
    for fact in ("name", "task", "outputs", "classes", "image", "fingerprint"):
        assert getattr(again, fact) == getattr(examples, fact)
    assert again.preparation.to_json() == examples.preparation.to_json()
    assert fingerprint(again.splits) == examples.fingerprint


def test_arrays_are_shared_like_sources(tmp_path: Path) -> None:
    """Those of numpy, with classes that have names."""
    rng = np.random.default_rng(0)
    labels = np.array(["ja", "nein", "weiß nicht"] * 10)
    x = rng.normal(size=(30, 4))[:, ::-1]  # not contiguous
    examples = examples_of({"source": "arrays", "test": 0.2, "validation": 0.0}, (x, labels))
    write_shared(tmp_path / "data.safetensors", examples)
    again = read_shared(tmp_path / "data.safetensors")
    assert again.classes == ("ja", "nein", "weiß nicht")
    assert torch.equal(again.train.x, examples.train.x)


def test_another_preparation_takes_the_place_of_the_one_that_was_written(tmp_path: Path) -> None:
    """Raw values are shared; how they are scaled is each stack's own."""
    standard = examples_of({**KINDS["binary"], "scale": "standard"})
    plain = examples_of({**KINDS["binary"], "scale": "none"})
    write_shared(tmp_path / "data.safetensors", standard)
    again = read_shared(tmp_path / "data.safetensors", plain.preparation)
    assert again.preparation.to_json() == plain.preparation.to_json()
    assert again.preparation.to_json() != standard.preparation.to_json()
    assert torch.equal(again.train.x, plain.train.x)


def test_the_values_are_mapped_and_not_copied(tmp_path: Path) -> None:
    """As many processes as there are hold them once."""
    maps = Path("/proc/self/maps")
    if not maps.exists():
        pytest.skip("the system does not tell what is mapped")
    path = tmp_path / "data.safetensors"
    write_shared(path, examples_of(KINDS["multiclass"]))
    again = read_shared(path)
    mapped = [line for line in maps.read_text().splitlines() if line.endswith(str(path))]
    assert mapped
    low, high = (int(end, 16) for end in mapped[0].split()[0].split("-"))
    assert low <= again.train.x.data_ptr() < high
