"""Examples in one file that several processes map into their memory instead of copying it."""

from __future__ import annotations

import json
from pathlib import Path

import safetensors
import safetensors.torch
from torch import Tensor

from descend.data.examples import Examples, Split
from descend.data.preparation import Preparation

PARTS = ("x", "y", "weight")
FACTS = ("name", "task", "outputs", "classes", "image", "fingerprint")


def write_shared(path: Path, examples: Examples) -> None:
    """Write raw examples and what is known of them; `read_shared` gives them back bit for bit."""
    tensors = {
        f"{name}.{part}": values.contiguous()
        for name, split in examples.splits.items()
        for part in PARTS
        if (values := getattr(split, part)) is not None and not (part == "y" and values is split.x)
    }
    facts = {name: getattr(examples, name) for name in FACTS}
    known = {"facts": json.dumps(facts), "preparation": examples.preparation.to_json()}
    safetensors.torch.save_file(tensors, path, metadata=known)


def read_shared(path: Path, preparation: Preparation | None = None) -> Examples:
    """The examples of a file, which must stay as it is while they are used.

    preparation: in place of the one that they were written with.
    """
    with safetensors.safe_open(path, framework="pt") as file:
        known = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    facts = json.loads(known["facts"])
    facts |= {name: facts[name] and tuple(facts[name]) for name in ("classes", "image")}
    return Examples(
        train=_split(tensors, "train"),
        validation=_split(tensors, "validation") if "validation.x" in tensors else None,
        test=_split(tensors, "test") if "test.x" in tensors else None,
        preparation=preparation or Preparation.from_json(known["preparation"]),
        **facts,
    )


def _split(tensors: dict[str, Tensor], name: str) -> Split:
    x = tensors[f"{name}.x"]
    return Split(x, tensors.get(f"{name}.y", x), tensors.get(f"{name}.weight"))
