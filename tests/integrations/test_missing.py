"""Libraries whose loops can be watched are imported when they are asked for, and not before."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from descend.integrations.callback import library

NAMES = ("lightning", "transformers", "keras", "skorch")
WITHOUT = f"""
import sys
from importlib import import_module
for name in ("pytorch_lightning", *{NAMES}):
    sys.modules[name] = None
import descend, descend.cli
descend.watch
for name in {NAMES}:
    try:
        import_module("descend.integrations." + name)
    except descend.MissingExtraError as error:
        print(error)
"""


def test_a_library_that_is_missing_is_told_with_the_line_that_installs_it() -> None:
    run = [sys.executable, "-c", WITHOUT]
    said = subprocess.run(run, capture_output=True, text=True, check=True)
    assert said.stdout == "".join(
        f"`{name}` must be installed for its callback\nhint: pip install {name}\n" for name in NAMES
    )


def test_the_first_library_that_is_there_is_taken() -> None:
    assert library("no_such_module", "json").__name__ == "json"


def test_an_import_that_fails_inside_a_library_is_not_taken_for_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import something_else_that_is_missing\n"
    (tmp_path / "half_installed.py").write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="something_else"):
        library("half_installed")
