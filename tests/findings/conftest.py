"""What is trained here is trained for what is found in it."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _as_fast_as_it_is(unchecked_shapes: None) -> None:
    """`tests/diagnosis/test_shapes.py` goes the same ways with the checks."""
