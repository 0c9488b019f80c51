"""Examples: where they come from, how they are split and prepared, and their batches.

The names are imported when they are first used: `descend.data.names` alone needs neither numpy nor
torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from descend.lazy import at_first_use

if TYPE_CHECKING:
    from descend.data.arrays import from_arrays, split_from_arrays
    from descend.data.batches import Batches
    from descend.data.examples import Examples, Split
    from descend.data.names import SOURCES, Source
    from descend.data.preparation import Preparation
    from descend.data.sources import load

# A public name must not be the name of a module here: that module would hide it once imported.
_HOMES = {
    "Batches": "descend.data.batches",
    "Examples": "descend.data.examples",
    "Preparation": "descend.data.preparation",
    "SOURCES": "descend.data.names",
    "Source": "descend.data.names",
    "Split": "descend.data.examples",
    "from_arrays": "descend.data.arrays",
    "load": "descend.data.sources",
    "split_from_arrays": "descend.data.arrays",
}

__all__ = [
    "SOURCES",
    "Batches",
    "Examples",
    "Preparation",
    "Source",
    "Split",
    "from_arrays",
    "load",
    "split_from_arrays",
]

__getattr__ = at_first_use(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
