"""Recording: the record of a watched loop, as far as it is, for the rules to look at."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from descend.findings.loop import Loop, Seen
from descend.findings.record import Layer, Record
from descend.trace.measurements import QUANTITIES
from descend.watching.activity import Reading
from descend.watching.anatomy import Part
from descend.watching.examples import Gathered
from descend.watching.graph import BENT, Found
from descend.watching.samples import Samples

ENOUGH = 2000  # examples; a unit that none of them moves is as good as dead
FEWEST = 64  # examples: of fewer nobody can say which units are dead
LAST = 8  # samples over which a share is averaged

STRAIGHT = (nn.Linear, nn.Bilinear, nn.modules.conv._ConvNd)

Numbers = NDArray[np.float64]


@dataclass
class LayerSeen:
    """What is known of one layer beside its samples.

    facts: of its first weights; alive: of the last batches, how many examples and which units
    answered to any of them; examples: of all of these batches.
    """

    part: Part
    facts: Mapping[str, Any] = field(default_factory=dict)
    found: Found = field(default_factory=lambda: Found(BENT))
    dropout: float = 0.0
    alive: deque[tuple[int, Tensor]] = field(default_factory=deque)
    examples: int = 0

    def add(self, reading: Reading) -> None:
        """Keep what one batch showed."""
        self.found = replace(reading.found, node=None)  # which would keep the graph alive
        if reading.alive is None:
            return
        if self.alive and self.alive[0][1].shape != reading.alive.shape:
            self.alive.clear()
            self.examples = 0
        self.alive.append((reading.examples, reading.alive))
        self.examples += reading.examples
        while self.examples - self.alive[0][0] >= ENOUGH:
            self.examples -= self.alive.popleft()[0]

    @property
    def dead_share(self) -> float:
        """The share of units that answered to none of the last examples."""
        if self.examples < FEWEST:
            return float(np.nan)
        answered = torch.stack([units for _, units in self.alive]).any(dim=0)
        return 1.0 - float(answered.float().mean())

    @property
    def activation(self) -> str:
        """Its name, empty for one that no rule knows, and for layers that bend by themselves."""
        is_straight = isinstance(self.part.module, STRAIGHT) or self.found.activation != "identity"
        return self.found.activation if is_straight and self.found.activation != BENT else ""

    def layer(self, of: int, signal: float | None) -> Layer:
        """The layer as rules know it."""
        found, part = self.found, self.part
        norm: str | bool = found.norm or False
        if norm and found.activation == "identity":
            norm = "before"
        return Layer(
            number=part.number,
            of=of,
            fan_in=part.fan_in,
            fan_out=part.fan_out,
            activation=self.activation,
            batch_norm=norm,
            dropout=self.dropout,
            signal=signal,
            name=part.name,
            **self.facts,
        )


@torch.no_grad()
def first_facts(part: Part) -> dict[str, float]:
    """Statistics of a layer's weights as they are now; of kinds that rules can weigh only."""
    module = part.module
    is_plain = isinstance(module, nn.Linear | nn.modules.conv._ConvNd) and len(part.weights) == 1
    if not is_plain or part.weights[0].is_complex():
        return {}
    w = part.weights[0].detach().double()
    if isinstance(module, nn.modules.conv._ConvTransposeNd):
        w = w.transpose(0, 1)
    w = w.flatten(1).T  # (inputs, units)
    bias = part.bias
    units = w if bias is None else torch.cat([w, bias.detach().double().unsqueeze(0)])
    return {
        "spread": float(w.std(correction=0)),
        "mean": float(w.mean()),
        "least": float(w.min()),
        "most": float(w.max()),
        "units_differ": float((units.amax(dim=1) - units.amin(dim=1)).max()),
        "inputs_differ": float((w.amax(dim=0) - w.amin(dim=0)).max()),
        "bias_spread": 0.0 if bias is None else float(bias.double().std(correction=0)),
    }


def record_of(
    layers: list[LayerSeen],
    samples: Samples,
    gathered: Gathered,
    loop: Loop,
    settings: Mapping[str, Any],
    status: str,
    *,
    planned: int,
    all_losses: Numbers,
    is_plain: bool = True,
    on_outputs: str | None = None,
) -> Record:
    """The record of a loop; settings: of loss and optimizer, under the names of a recipe.

    planned: how many steps it has, 0 where nobody knows yet; all_losses: of every backward pass;
    is_plain: whether the loss is one that a formula says the chance loss of; on_outputs: the
    activation that the loop itself applies before the loss.
    """
    if layers and on_outputs is not None and layers[-1].found.activation == "identity":
        layers[-1].found = Found(on_outputs)
    steps, losses = samples.steps, samples.losses
    quantities = {name: samples.quantity(name, len(layers)) for name in QUANTITIES}
    signals = samples.quantity("signal", len(layers))
    is_first = len(steps) > 0 and steps[0] == 0
    return Record(
        layers=[
            one.layer(len(layers), _number(signals[0, place]) if is_first else None)
            for place, one in enumerate(layers)
        ],
        known_profile=gathered.profile(
            settings.get("loss"), settings.get("reduction"), is_plain=is_plain
        ),
        steps=steps,
        losses=losses,
        quantities=quantities,
        planned_steps=planned,
        all_losses=all_losses,
        status=status,
        units=_units(layers, samples),
        seen=Seen(**settings),
        known_loop=loop,
    )


def _units(layers: list[LayerSeen], samples: Samples) -> dict[str, Numbers]:
    return {
        "dead": np.array([one.dead_share for one in layers]),
        "saturated": _last(samples.quantity("saturated_share", len(layers))),
        "difference": _last(samples.quantity("difference", len(layers))),
    }


def _last(table: Numbers) -> Numbers:
    """The mean over the last samples in which there was one."""
    last = table[-LAST:]
    known = ~np.isnan(last)
    sums = np.where(known, last, 0.0).sum(axis=0)
    means: Numbers = np.where(known.any(axis=0), sums / np.maximum(known.sum(axis=0), 1), np.nan)
    return means


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
