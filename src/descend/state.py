"""State: the named tensors from which something that was interrupted goes on."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor


def part(state: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """What stands under `name/` in a state, by the names that it has there."""
    prefix = f"{name}/"
    return {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
