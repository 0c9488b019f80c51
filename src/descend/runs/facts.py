"""Facts: what `run.json` says from the beginning of a run."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from descend import __version__
from descend.data.examples import Examples
from descend.recipe import Recipe
from descend.runs.edits import edits_of

VERSIONS = ("torch", "numpy", "polars", "safetensors", "pydantic")

version = cache(version)  # it reads a file each time, which a comparison has no need to


def data_facts(
    examples: Examples, *, is_from_arrays: bool, data_dir: Path | str | None
) -> dict[str, Any]:
    """What a resumed run needs to find the same examples, and to know that they are the same."""
    return {
        "source": examples.name,
        "is_from_arrays": is_from_arrays,
        "folder": None if data_dir is None else str(Path(data_dir).resolve()),
        "fingerprint": examples.fingerprint,
        "examples": {split: len(part) for split, part in examples.splits.items()},
    }


def first_facts(
    name: str,
    recipes: Sequence[Recipe],
    device: torch.device,
    threads: int,
    data: Mapping[str, Any],
) -> dict[str, Any]:
    """Name, seeds, where the run trains, on what, and with which versions."""
    return {
        "name": name,
        "status": "running",
        "seeds": [recipe.training.seed for recipe in recipes],
        **({"edits": edits} if any(edits := edits_of(recipes)) else {}),
        "device": device.type,
        "threads": threads,
        "data": data,
        **setting(device),
    }


def setting(device: torch.device) -> dict[str, Any]:
    """The versions of what is computed with, and the machine."""
    return {
        "versions": {
            "descend": __version__,
            "python": platform.python_version(),
            **{package: version(package) for package in VERSIONS},
        },
        "hardware": {
            "system": f"{platform.system()} {platform.machine()}",
            "cores": os.cpu_count(),
            "gpu": torch.cuda.get_device_name() if device.type == "cuda" else None,
        },
    }
