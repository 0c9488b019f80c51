"""Restricted Boltzmann machines, many side by side: energy, probabilities, exact likelihood.

Binary units, v and h in {0, 1}:           E(v, h) = −a·v − b·h − vᵀ w h
Gaussian visible units of unit variance:   E(v, h) = |v − a|² / 2 − b·h − vᵀ w h

p(v, h) = exp(−E(v, h)) / Z. Given one layer, the units of the other are independent:
P(h = 1 | v) = σ(b + v w), and P(v = 1 | h) = σ(a + h wᵀ) or p(v | h) = N(a + h wᵀ, 1).

Hinton 2012, "A practical guide to training restricted Boltzmann machines".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own documentation calls it so
from jaxtyping import Float
from torch import Generator, Tensor

from descend.errors import NetworkError

ENUMERABLE = 20


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
        return self.from_hidden(self.hidden(v), k, generators)

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

    def from_hidden(
        self,
        p: Float[Tensor, "runs batch hidden"],
        k: int,
        generators: Sequence[Generator],
    ) -> tuple[Float[Tensor, "runs batch visible"], Float[Tensor, "runs batch hidden"]]:
        """As `gibbs`, where P(h = 1 | v) is known."""
        sample = bernoulli if self.units == "binary" else normal
        for _ in range(k):
            v = sample(self.visible(bernoulli(p, generators)), generators)
            p = self.hidden(v)
        return v, p


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


def _softplus(z: Tensor) -> Tensor:
    return F.softplus(z, threshold=40)  # above the default, 20, it would be 2e-9 off


def bernoulli(
    p: Float[Tensor, "runs batch units"], generators: Sequence[Generator]
) -> Float[Tensor, "runs batch units"]:
    """Units that are 1 with probability p, each run's from its own generator."""
    # torch.bernoulli takes one generator for all runs, and longer
    noise = torch.empty(p.shape, dtype=p.dtype, device=generators[0].device)
    for row, generator in zip(noise.unbind(), generators, strict=True):
        row.uniform_(generator=generator)
    return noise.to(p.device).lt_(p)


def normal(
    mean: Float[Tensor, "runs batch units"], generators: Sequence[Generator], std: float = 1.0
) -> Float[Tensor, "runs batch units"]:
    """Numbers from N(mean, std²), each run's from its own generator."""
    noise = torch.empty(mean.shape, dtype=mean.dtype, device=generators[0].device)
    for row, generator in zip(noise.unbind(), generators, strict=True):
        row.normal_(0.0, std, generator=generator)
    return noise.to(mean.device).add_(mean)
