"""Modules: where parameters of somebody else's network sit, and how names are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from descend.findings.finding import Place
from descend.findings.record import Layer, Record

TOLD = 4  # names; of more, the first ones and how many more there are


def layers_with(record: Record, parameters: Iterable[str]) -> list[Layer]:
    """The layers that have some of these parameters, from the first on."""
    owners = {owner(name) for name in parameters}
    return [layer for layer in record.layers if layer.name in owners]


def place_of(record: Record, parameters: Sequence[str]) -> Place | None:
    """The first layer that has some of them; where none has, the module of the first one."""
    if not parameters:
        return None
    layers = layers_with(record, parameters)
    return layers[0].place if layers else Place(f"module {owner(parameters[0])}")


def owner(parameter: str) -> str:
    """The name of the module that a parameter belongs to."""
    return parameter.rpartition(".")[0]


def told(names: Sequence[str]) -> str:
    """Names in words: a, b and 3 more."""
    if len(names) <= TOLD:
        *first, last = names
        return f"{', '.join(first)} and {last}" if first else last
    return f"{', '.join(names[: TOLD - 1])} and {len(names) - TOLD + 1:,} more"


def is_frozen(record: Record, layer: Layer) -> bool:
    """Whether somebody has asked for no gradient of a layer of a watched network."""
    loop = record.known_loop
    return loop is not None and any(owner(name) == layer.name for name in loop.frozen)


def moved_between(record: Record, layer: Layer) -> bool:
    """Whether a layer's weights changed from one sample of a watched loop to another.

    Where two optimizers take turns, all samples may be of the steps of one.
    """
    norms = record.quantities.get("weight_norm")
    if record.known_loop is None or norms is None:
        return False
    own = norms[:, layer.number - 1]
    known = own[~np.isnan(own)]
    return bool((known != known[:1]).any())
