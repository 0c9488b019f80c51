"""An empty folder to work in, and runs to ask about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.command import Descend, descend_here


@pytest.fixture
def descend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Descend:
    """The command line in an empty folder, on a machine without MNIST."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DESCEND_DATA", raising=False)
    monkeypatch.delenv("DESCEND_TRACEBACK", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)  # a runner may set it
    return descend_here


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The folder of a run with these arguments of `descend train`, trained once."""
    done: dict[tuple[str, ...], Path] = {}
    out = tmp_path_factory.mktemp("trained")

    def train(*arguments: str) -> Path:
        if arguments not in done:
            told = descend_here("train", *arguments, "--out", out, "-q")
            assert told.code == 0, told.err
            done[arguments] = told.folder
        return done[arguments]

    return train


@pytest.fixture(scope="session")
def xor(trained: Callable[..., Path]) -> Path:
    """A network that has learnt XOR."""
    return trained("xor", "--epochs", "300", "--set", "training.lr=0.01")


@pytest.fixture(scope="session")
def digits(trained: Callable[..., Path]) -> Path:
    """A network that knows handwritten digits."""
    return trained("digits", "--epochs", "8")


@pytest.fixture(scope="session")
def of_arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was trained on arrays from Python."""
    import descend

    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)).astype(np.float32)
    run = descend.train(
        {"data": {"source": "mine"}, "training": {"epochs": 2}},
        data=(x, (x.sum(1) > 0).astype(np.int64)),
        out=tmp_path_factory.mktemp("arrays"),
    )
    assert run.folder is not None
    return run.folder
