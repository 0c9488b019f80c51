"""Greedy pretraining: hidden layers that learn one after the other, each from the one below it.

Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Shaped
from torch import Generator, Tensor

from descend.errors import DataError, NetworkError
from descend.network.contrastive import Contrastive, Prepare, RBMHistory
from descend.network.init_names import RBMSettings
from descend.network.rbm import RBM, normal
from descend.state import part

CHUNK = 1000  # examples that are surveyed at once


class Pretrained(NamedTuple):
    """One entry per hidden layer: w (runs, fan_in, fan_out), b (runs, 1, fan_out), the history."""

    weights: list[Tensor]
    biases: list[Tensor]
    history: list[RBMHistory]


Progress = Callable[[int, int, RBMHistory], None]


class Greedy:
    """The machines of some hidden layers, which learn bottom up, epoch by epoch.

    Machine 1 learns the inputs, machine 2 the hidden probabilities of machine 1, and so on; these
    are computed anew for each batch, so that memory does not grow with the examples.
    widths: the units of each hidden layer; settings: one for all machines, or one each.
    `settings.visible` speaks of machine 1: the others see probabilities and are binary.
    start: the weights before the first update, as `initialisers.draw` gives them under `rbm`; they
    are not changed. Without it they are drawn from N(0, std²) with the generators.
    Visible biases start where a machine without weights fits best, at each input's mean or at the
    logit of it (Hinton 2012, section 8), hidden ones at 0.
    x, held_out, prepare: as in `Contrastive`.

    Raises DataError for inputs that are not finite, or outside [0, 1] where binary ones were asked
    for, and NetworkError for impossible sizes.
    """

    def __init__(
        self,
        widths: Sequence[int],
        x: Shaped[Tensor, "#runs examples ..."],
        settings: RBMSettings | Sequence[RBMSettings],
        generators: Sequence[Generator],
        *,
        start: Sequence[Float[Tensor, "runs _visible _hidden"]] | None = None,
        held_out: Shaped[Tensor, "#runs held_out ..."] | None = None,
        prepare: Prepare = lambda batch: batch,
    ) -> None:
        each = [settings] * len(widths) if isinstance(settings, RBMSettings) else list(settings)
        if len(each) != len(widths) or min(widths, default=1) < 1:
            raise NetworkError(
                "every machine needs a width of 1 or more and its settings: "
                f"given widths {list(widths)} and {len(each)} settings"
            )
        self.widths, self.settings = list(widths), each
        self.x, self.held_out, self.prepare = x, held_out, prepare
        self.generators, self.start = generators, start
        self.learnt: list[Contrastive] = []  # layer by layer, the last one perhaps not at its end

    @property
    def is_over(self) -> bool:
        """Whether the last layer's machines are at their end."""
        return len(self.learnt) == len(self.widths) and self.learnt[-1].is_over

    def epoch(self) -> None:
        """One epoch of the first layer that is not at its end."""
        if not self.learnt or self.learnt[-1].is_over:
            self._begin()
        if not self.learnt[-1].is_over:
            self.learnt[-1].epoch()

    @property
    def result(self) -> Pretrained:
        """The layers that have begun."""
        machines = [one.machine for one in self.learnt]
        history = [one.history for one in self.learnt]
        return Pretrained([m.w for m in machines], [m.b for m in machines], history)

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue bit for bit."""
        state = {"generators": torch.stack([one.get_state() for one in self.generators])}
        for layer, one in enumerate(self.learnt):
            state |= {f"{layer}/{name}": tensor for name, tensor in one.state().items()}
        return state

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue where `state` was taken; this must be new and of the same examples."""
        while f"{len(self.learnt)}/measured" in state:
            layer = len(self.learnt)
            self._begin()
            self.learnt[-1].load_state(part(state, str(layer)))
        for generator, row in zip(self.generators, state["generators"], strict=True):
            generator.set_state(row.clone())  # torch 2.13 crashes on a row of a larger tensor

    def _begin(self) -> None:
        """The next layer's machines, as they are before their first update."""
        below = [one.machine for one in self.learnt]
        setting = self.settings[len(below)]

        def inputs(batch: Tensor) -> Tensor:
            batch = self.prepare(batch)
            for machine in below:
                batch = machine.hidden(batch)
            return batch

        mean, low, high = _survey(self.x, inputs)
        units = "binary" if below else _units(setting.visible, low, high)
        w = self._first_weights(mean)
        a = mean.clamp(0.01, 0.99).logit() if units == "binary" else mean
        a = a.expand(len(w), -1, -1).clone()
        machine = RBM(w, a, w.new_zeros(len(w), 1, w.shape[2]), units)
        self.learnt.append(
            Contrastive(
                *(machine, self.x, setting, self.generators),
                held_out=self.held_out,
                prepare=inputs,
            )
        )

    def _first_weights(self, mean: Float[Tensor, "_ 1 visible"]) -> Tensor:
        layer = len(self.learnt)
        shape = (len(self.generators), mean.shape[-1], self.widths[layer])
        if self.start is None:
            return normal(mean.new_zeros(shape), self.generators, self.settings[layer].std)
        w = self.start[layer].to(mean, copy=True, memory_format=torch.contiguous_format)
        if w.shape != shape:
            raise NetworkError(
                f"the weights of layer {layer + 1} start with shape {tuple(w.shape)}: "
                f"expected {shape}, that is (runs, fan_in, fan_out)"
            )
        return w


def pretrain(
    widths: Sequence[int],
    x: Shaped[Tensor, "#runs examples ..."],
    settings: RBMSettings | Sequence[RBMSettings],
    generators: Sequence[Generator],
    *,
    start: Sequence[Float[Tensor, "runs _visible _hidden"]] | None = None,
    held_out: Shaped[Tensor, "#runs held_out ..."] | None = None,
    prepare: Prepare = lambda batch: batch,
    progress: Progress | None = None,
) -> Pretrained:
    """The weights and biases of the hidden layers, learnt as `Greedy` says.

    progress: called after each epoch with the layer, from 0 on, the epoch, from 1 on, and the
    layer's history.
    """
    greedy = Greedy(
        widths, x, settings, generators, start=start, held_out=held_out, prepare=prepare
    )
    while not greedy.is_over and widths:
        greedy.epoch()
        last = greedy.learnt[-1]
        if progress is not None and last.epochs:
            progress(len(greedy.learnt) - 1, last.epochs, last.history)
    return greedy.result


def _survey(x: Tensor, prepare: Prepare) -> tuple[Tensor, float, float]:
    """The mean (runs or 1, 1, visible), the least and the greatest of the prepared inputs."""
    if not x.shape[1]:
        raise DataError("a restricted Boltzmann machine needs at least one example: given none")
    sums: list[Tensor] = []
    extremes: list[Tensor] = []
    for first in range(0, x.shape[1], CHUNK):
        chunk = prepare(x[:, first : first + CHUNK])
        sums.append(chunk.sum(1, keepdim=True))
        extremes += chunk.aminmax()
    low, high = (float(e) for e in torch.stack(extremes).aminmax())
    return torch.stack(sums).sum(0) / x.shape[1], low, high


def _units(visible: str, low: float, high: float) -> str:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise DataError(
            f"the inputs of a restricted Boltzmann machine must be finite: given {low} to {high}"
        )
    is_bounded = low >= 0 and high <= 1
    if visible == "auto":
        return "binary" if is_bounded else "gaussian"
    if visible == "binary" and not is_bounded:
        raise DataError(
            f"binary visible units need inputs from 0 to 1: given {low:.4g} to {high:.4g}",
            hint='set `visible = "gaussian"` for standardised inputs, or `data.scale = "unit"`',
        )
    return visible
