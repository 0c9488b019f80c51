"""Restricted Boltzmann machines, many side by side, and greedy pretraining of a network with them.

Binary units, v and h in {0, 1}:           E(v, h) = −a·v − b·h − vᵀ w h
Gaussian visible units of unit variance:   E(v, h) = |v − a|² / 2 − b·h − vᵀ w h

p(v, h) = exp(−E(v, h)) / Z. Given one layer, the units of the other are independent:
P(h = 1 | v) = σ(b + v w), and P(v = 1 | h) = σ(a + h wᵀ) or p(v | h) = N(a + h wᵀ, 1).

Hinton 2002, "Training products of experts by minimizing contrastive divergence".
Hinton, Osindero & Teh 2006, "A fast learning algorithm for deep belief nets".
Tieleman 2008, "Training RBMs using approximations to the likelihood gradient".
Hinton 2012, "A practical guide to training restricted Boltzmann machines".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own documentation calls it so
from jaxtyping import Float, Int64, Shaped
from torch import Generator, Tensor

from descend.errors import DataError, NetworkError
from descend.network.init_names import RBMSettings

# Gaussian units want a rate "one or two orders of magnitude smaller" (Hinton 2012, section 13.2)
DEFAULT_LR = {"binary": 0.1, "gaussian": 0.005}
ENUMERABLE = 20
MEASURED = 1000


@dataclass(eq=False)
class RBM:
    """`runs` restricted Boltzmann machines, side by side.

    w: (runs, visible, hidden), a: (runs, 1, visible), b: (runs, 1, hidden);
    units: "binary" or "gaussian", the kind of the visible ones.
    """

    w: Float[Tensor, "runs visible hidden"]
    a: Float[Tensor, "runs 1 visible"]
    b: Float[Tensor, "runs 1 hidden"]
    units: str = "binary"

    def hidden(self, v: Float[Tensor, "#runs batch visible"]) -> Float[Tensor, "runs batch hidden"]:
        """P(h = 1 | v) = σ(b + v w)."""
        return self._field(v).sigmoid_()

    def visible(self, h: Float[Tensor, "runs batch hidden"]) -> Float[Tensor, "runs batch visible"]:
        """The mean of v given h: σ(a + h wᵀ), or a + h wᵀ for Gaussian units."""
        mean = torch.baddbmm(self.a, h, self.w.mT)
        return mean.sigmoid_() if self.units == "binary" else mean

    def gibbs(
        self, v: Float[Tensor, "#runs batch visible"], k: int, generators: Sequence[Generator]
    ) -> tuple[Float[Tensor, "runs batch visible"], Float[Tensor, "runs batch hidden"]]:
        """The visible units after k ≥ 1 rounds v → h → v, and P(h = 1 | v) of these.

        The last hidden units stay probabilities: sampling them adds noise and no information.
        """
        return self._gibbs(self.hidden(v), k, generators)

    def free_energy(self, v: Float[Tensor, "#runs batch visible"]) -> Float[Tensor, "runs batch"]:
        """F(v) = −log Σ_h exp(−E(v, h)) = −a·v − Σ_j log(1 + exp(b + v w)_j).

        For Gaussian units its first term is |v − a|² / 2. What the machine finds likely lies low.
        """
        of_visible = -v * self.a if self.units == "binary" else (v - self.a).square() / 2
        return of_visible.sum(-1) - _softplus(self._field(v)).sum(-1)

    def reconstruction_error(
        self, v: Float[Tensor, "#runs batch visible"]
    ) -> Float[Tensor, "runs batch"]:
        """The mean squared distance of v and its mean-field reconstruction; draws nothing."""
        return (self.visible(self.hidden(v)) - v).square_().mean(-1)

    def _field(self, v: Tensor) -> Tensor:
        return torch.baddbmm(self.b, v.expand(len(self.w), -1, -1), self.w)

    def _gibbs(self, p: Tensor, k: int, generators: Sequence[Generator]) -> tuple[Tensor, Tensor]:
        sample = _bernoulli if self.units == "binary" else _normal
        for _ in range(k):
            v = sample(self.visible(_bernoulli(p, generators)), generators)
            p = self.hidden(v)
        return v, p


@dataclass(frozen=True, eq=False)
class RBMHistory:
    """How one layer's machines learnt: column e is what was measured after e epochs, from 0 on.

    Measured on up to 1,000 evenly spaced training examples, always the same, and on as many that
    were held out. The free energy's zero moves as the machine learns: only the gap can be read.
    """

    units: str
    lr: float
    reconstruction_error: Float[Tensor, "runs measurements"]
    free_energy: Float[Tensor, "runs measurements"]
    held_out_reconstruction_error: Float[Tensor, "runs measurements"] | None = None
    held_out_free_energy: Float[Tensor, "runs measurements"] | None = None

    @property
    def free_energy_gap(self) -> Float[Tensor, "runs measurements"] | None:
        """Held-out less training free energy; a growing gap is overfitting (Hinton 2012, § 6)."""
        if self.held_out_free_energy is None:
            return None
        return self.held_out_free_energy - self.free_energy


class Pretrained(NamedTuple):
    """One entry per hidden layer: w (runs, fan_in, fan_out), b (runs, 1, fan_out), the history."""

    weights: list[Tensor]
    biases: list[Tensor]
    history: list[RBMHistory]


Prepare = Callable[[Tensor], Tensor]
Progress = Callable[[int, int, RBMHistory], None]


def fit(
    machine: RBM,
    v: Shaped[Tensor, "#runs examples ..."],
    settings: RBMSettings,
    generators: Sequence[Generator],
    *,
    held_out: Shaped[Tensor, "#runs held_out ..."] | None = None,
    prepare: Prepare = lambda batch: batch,
    progress: Callable[[int, RBMHistory], None] | None = None,
) -> RBMHistory:
    """Trains the machines in place by contrastive divergence and returns how they learnt.

    The likelihood's gradient is ⟨v h⟩ under the data less ⟨v h⟩ under the machine. Contrastive
    divergence takes the latter from k Gibbs steps that start at the batch; the persistent kind
    from chains that start at the first batch and go on from one update to the next.

        velocity ← momentum · velocity + lr · (⟨v P(h|v)⟩data − ⟨v P(h|v)⟩chain − weight_decay · w)
        w ← w + velocity;   a and b likewise, without decay

    v: (runs, examples, visible), or (1, examples, visible) for examples that all runs share. Each
    run takes them in its own order and samples from its own generator, whatever its neighbours do.
    `prepare` maps a gathered batch to float inputs, so that v may stay in its compact type; binary
    units want these in [0, 1], which `pretrain` checks.
    `progress` is called after each epoch with its number, from 1 on, and the history so far.
    """
    if len(generators) != len(machine.w):
        raise NetworkError(
            f"every run needs its own generator: given {len(generators)} for {len(machine.w)} runs"
        )
    lr = DEFAULT_LR[machine.units] if settings.lr is None else settings.lr
    parts = [prepare(_spaced(part)) for part in (v, held_out) if part is not None]
    measured = [_measure(machine, parts)]
    velocity = RBM(
        torch.zeros_like(machine.w), torch.zeros_like(machine.a), torch.zeros_like(machine.b)
    )
    chain: Tensor | None = None
    for epoch in range(1, settings.epochs + 1):
        for batch in _batches(v, settings.batch_size, generators):
            data = prepare(batch)
            p = machine.hidden(data)
            start = p if chain is None else machine.hidden(chain)
            fantasy, q = machine._gibbs(start, settings.k, generators)
            if settings.persistent:
                chain = fantasy
            _add(velocity, data, p, lr, settings.momentum)
            _add(velocity, fantasy, q, -lr, 1.0)
            velocity.w.add_(machine.w, alpha=-lr * settings.weight_decay)
            machine.w.add_(velocity.w)
            machine.a.add_(velocity.a)
            machine.b.add_(velocity.b)
        measured.append(_measure(machine, parts))
        if progress is not None:
            progress(epoch, RBMHistory(machine.units, lr, *torch.stack(measured, dim=-1)))
    return RBMHistory(machine.units, lr, *torch.stack(measured, dim=-1))


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
    """The weights and biases of the hidden layers, each learnt greedily from the layer below.

    Machine 1 learns the inputs, machine 2 the hidden probabilities of machine 1, and so on; these
    are computed anew for each batch, so that memory does not grow with the examples.
    widths: the units of each hidden layer; settings: one for all machines, or one each.
    `settings.visible` speaks of machine 1: the others see probabilities and are binary.
    start: the weights before the first update, as `initialisers.draw` gives them under `rbm`; they
    are not changed. Without it they are drawn from N(0, std²) with the generators.
    Visible biases start where a machine without weights fits best, at each input's mean or at the
    logit of it (Hinton 2012, section 8), hidden ones at 0.
    x, held_out, prepare: as in `fit`; progress: called with the layer, from 0 on, the epoch, from
    1 on, and the layer's history.

    Raises DataError for inputs that are not finite, or outside [0, 1] where binary ones were asked
    for, and NetworkError for impossible sizes.
    """
    each = [settings] * len(widths) if isinstance(settings, RBMSettings) else list(settings)
    if len(each) != len(widths) or min(widths, default=1) < 1:
        raise NetworkError(
            "every machine needs a width of 1 or more and its settings: "
            f"given widths {list(widths)} and {len(each)} settings"
        )
    machines: list[RBM] = []
    history: list[RBMHistory] = []

    def inputs(batch: Tensor) -> Tensor:
        batch = prepare(batch)
        for machine in machines:
            batch = machine.hidden(batch)
        return batch

    for layer, (width, setting) in enumerate(zip(widths, each, strict=True)):
        mean, low, high = _survey(x, inputs)
        units = "binary" if machines else _units(setting.visible, low, high)
        shape = (len(generators), mean.shape[-1], width)
        if start is None:
            w = _normal(mean.new_zeros(shape), generators, setting.std)
        else:
            w = start[layer].to(mean, copy=True, memory_format=torch.contiguous_format)
        if w.shape != shape:
            raise NetworkError(
                f"the weights of layer {layer + 1} start with shape {tuple(w.shape)}: "
                f"expected {shape}, that is (runs, fan_in, fan_out)"
            )
        a = mean.clamp(0.01, 0.99).logit() if units == "binary" else mean
        a = a.expand(len(w), -1, -1).clone()
        machine = RBM(w, a, w.new_zeros(len(w), 1, width), units)
        tell = None if progress is None else partial(progress, layer)
        history.append(
            fit(machine, x, setting, generators, held_out=held_out, prepare=inputs, progress=tell)
        )
        machines.append(machine)
    return Pretrained([m.w for m in machines], [m.b for m in machines], history)


def log_partition(machine: RBM) -> Float[Tensor, "runs"]:
    """The exact log Z, summed over all states of the hidden, or of the fewer visible, units.

    Z = Σ_h exp(b·h) Π_i (1 + exp(a + w h)_i) for binary visible units, and
    Z = Σ_h exp(b·h) (2π)^(visible/2) exp(a·wh + |wh|²/2) for Gaussian ones.
    Raises NetworkError above 20 units, that is 2²⁰ states.
    """
    w, a, b = machine.w, machine.a, machine.b
    is_binary = machine.units == "binary"
    constant = 0.0 if is_binary else w.shape[1] * math.log(2 * math.pi) / 2
    if is_binary and w.shape[1] < w.shape[2]:
        w, a, b = w.mT, b, a
    runs, others, units = w.shape
    if units > ENUMERABLE:
        raise NetworkError(
            f"an exact partition function takes up to {ENUMERABLE} units in a layer: given {units}",
            hint="compare free energies: their differences do not need it",
        )
    places = torch.arange(units, device=w.device)
    at_once = max(1, 2**22 // (runs * others))
    sums = []
    for first in range(0, 2**units, at_once):
        codes = torch.arange(first, min(first + at_once, 2**units), device=w.device)
        h = (codes[:, None] >> places & 1).to(w.dtype).expand(runs, -1, -1)
        field = torch.bmm(h, w.mT)
        of_others = _softplus(a + field) if is_binary else field * (a + field / 2)
        sums.append(((h * b).sum(-1) + of_others.sum(-1)).logsumexp(-1))
    return torch.stack(sums).logsumexp(0) + constant


def log_likelihood(
    machine: RBM, v: Float[Tensor, "#runs batch visible"]
) -> Float[Tensor, "runs batch"]:
    """The exact log p(v) = −F(v) − log Z, for machines that `log_partition` takes."""
    return -machine.free_energy(v) - log_partition(machine)[:, None]


def _add(velocity: RBM, v: Tensor, p: Tensor, lr: float, momentum: float) -> None:
    """Sets velocity ← momentum · velocity + lr · the batch means of v p, v and p."""
    share = lr / v.shape[1]
    velocity.w.baddbmm_(v.mT, p, beta=momentum, alpha=share)
    velocity.a.mul_(momentum).add_(v.sum(1, keepdim=True), alpha=share)
    velocity.b.mul_(momentum).add_(p.sum(1, keepdim=True), alpha=share)


def _softplus(z: Tensor) -> Tensor:
    return F.softplus(z, threshold=40)  # above the default, 20, it would be 2e-9 off


def _bernoulli(
    p: Float[Tensor, "runs batch units"], generators: Sequence[Generator]
) -> Float[Tensor, "runs batch units"]:
    # torch.bernoulli takes one generator for all runs, and longer
    noise = torch.empty(p.shape, dtype=p.dtype, device=generators[0].device)
    for row, generator in zip(noise.unbind(), generators, strict=True):
        row.uniform_(generator=generator)
    return noise.to(p.device).lt_(p)


def _normal(
    mean: Float[Tensor, "runs batch units"], generators: Sequence[Generator], std: float = 1.0
) -> Float[Tensor, "runs batch units"]:
    noise = torch.empty(mean.shape, dtype=mean.dtype, device=generators[0].device)
    for row, generator in zip(noise.unbind(), generators, strict=True):
        row.normal_(0.0, std, generator=generator)
    return noise.to(mean.device).add_(mean)


def _batches(v: Tensor, size: int, generators: Sequence[Generator]) -> Iterator[Tensor]:
    """Every example of v once, in each run's own order; the last batch may be smaller."""
    orders = [torch.randperm(v.shape[1], generator=g, device=g.device) for g in generators]
    order: Int64[Tensor, "runs examples"] = torch.stack(orders).to(v.device)
    rows = torch.arange(len(v), device=v.device)[:, None]
    for first in range(0, v.shape[1], size):
        yield v[rows, order[:, first : first + size]]


def _spaced(v: Tensor) -> Tensor:
    return v[:, :: max(1, math.ceil(v.shape[1] / MEASURED))]


def _measure(machine: RBM, parts: Sequence[Tensor]) -> Float[Tensor, "quantities runs"]:
    means = [
        quantity(part).mean(1)
        for part in parts
        for quantity in (machine.reconstruction_error, machine.free_energy)
    ]
    return torch.stack(means)


def _survey(x: Tensor, prepare: Prepare) -> tuple[Tensor, float, float]:
    """The mean (runs or 1, 1, visible), the least and the greatest of the prepared inputs."""
    if not x.shape[1]:
        raise DataError("a restricted Boltzmann machine needs at least one example: given none")
    sums: list[Tensor] = []
    extremes: list[Tensor] = []
    for first in range(0, x.shape[1], MEASURED):
        chunk = prepare(x[:, first : first + MEASURED])
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
