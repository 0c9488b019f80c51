"""Contrastive divergence: one layer's machines in training, epoch by epoch.

Hinton 2002, "Training products of experts by minimizing contrastive divergence".
Tieleman 2008, "Training RBMs using approximations to the likelihood gradient".
Hinton 2012, "A practical guide to training restricted Boltzmann machines".
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Generator, Tensor

from descend.errors import NetworkError
from descend.network.init_names import RBMSettings
from descend.network.rbm import RBM

# Gaussian units want a rate "one or two orders of magnitude smaller" (Hinton 2012, section 13.2)
DEFAULT_LR = {"binary": 0.1, "gaussian": 0.005}
MEASURED = 1000  # examples

Prepare = Callable[[Tensor], Tensor]


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


class Contrastive:
    """Machines that learn by contrastive divergence, in place.

    The likelihood's gradient is ⟨v h⟩ under the data less ⟨v h⟩ under the machine. Contrastive
    divergence takes the latter from k Gibbs steps that start at the batch; the persistent kind
    from chains that start at the first batch and go on from one update to the next.

        velocity ← momentum · velocity + lr · (⟨v P(h|v)⟩data − ⟨v P(h|v)⟩chain − weight_decay · w)
        w ← w + velocity;   a and b likewise, without decay

    v: (runs, examples, visible), or (1, examples, visible) for examples that all runs share. Each
    run takes them in its own order and samples from its own generator, whatever its neighbours do.
    `prepare` maps a gathered batch to float inputs, so that v may stay in its compact type; binary
    units want these in [0, 1], which `greedy.pretrain` checks.
    """

    def __init__(
        self,
        machine: RBM,
        v: Shaped[Tensor, "#runs examples ..."],
        settings: RBMSettings,
        generators: Sequence[Generator],
        *,
        held_out: Shaped[Tensor, "#runs held_out ..."] | None = None,
        prepare: Prepare = lambda batch: batch,
    ) -> None:
        if len(generators) != len(machine.w):
            raise NetworkError(
                "every run needs its own generator: "
                f"given {len(generators)} for {len(machine.w)} runs"
            )
        self.machine, self.v, self.settings = machine, v, settings
        self.generators, self.prepare = generators, prepare
        self.lr = DEFAULT_LR[machine.units] if settings.lr is None else settings.lr
        still = {name: torch.zeros_like(part) for name, part in _parts(machine).items()}
        self.velocity = RBM(still["w"], still["a"], still["b"])
        self.chain: Tensor | None = None
        self.parts = [prepare(_spaced(part)) for part in (v, held_out) if part is not None]
        self.measured = [_measure(machine, self.parts)]

    @property
    def epochs(self) -> int:
        """How many are over."""
        return len(self.measured) - 1

    @property
    def is_over(self) -> bool:
        return self.epochs >= self.settings.epochs

    @property
    def history(self) -> RBMHistory:
        """What was measured so far."""
        return RBMHistory(self.machine.units, self.lr, *torch.stack(self.measured, dim=-1))

    def epoch(self) -> None:
        """Learn from every example once."""
        for batch in _batches(self.v, self.settings.batch_size, self.generators):
            self._update(self.prepare(batch))
        self.measured.append(_measure(self.machine, self.parts))

    def _update(self, data: Float[Tensor, "#runs batch visible"]) -> None:
        machine, velocity, settings = self.machine, self.velocity, self.settings
        p = machine.hidden(data)
        start = p if self.chain is None else machine.hidden(self.chain)
        fantasy, q = machine.from_hidden(start, settings.k, self.generators)
        if settings.persistent:
            self.chain = fantasy
        _add(velocity, data, p, self.lr, settings.momentum)
        _add(velocity, fantasy, q, -self.lr, 1.0)
        velocity.w.add_(machine.w, alpha=-self.lr * settings.weight_decay)
        machine.w.add_(velocity.w)
        machine.a.add_(velocity.a)
        machine.b.add_(velocity.b)

    def state(self) -> dict[str, Tensor]:
        """Everything needed to continue bit for bit, but for the generators."""
        state = {f"machine/{name}": part for name, part in _parts(self.machine).items()}
        state |= {f"velocity/{name}": part for name, part in _parts(self.velocity).items()}
        if self.chain is not None:
            state["chain"] = self.chain
        return {**state, "measured": torch.stack(self.measured)}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Continue where `state` was taken."""
        for name, machine in (("machine", self.machine), ("velocity", self.velocity)):
            for key, part in _parts(machine).items():
                part.copy_(state[f"{name}/{key}"])
        if "chain" in state:
            self.chain = state["chain"].to(self.machine.w.device)
        self.measured = list(state["measured"].to(self.machine.w.device))


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
    """Trains the machines in place as `Contrastive` says, and returns how they learnt.

    `progress` is called after each epoch with its number, from 1 on, and the history so far.
    """
    learning = Contrastive(machine, v, settings, generators, held_out=held_out, prepare=prepare)
    while not learning.is_over:
        learning.epoch()
        if progress is not None:
            progress(learning.epochs, learning.history)
    return learning.history


def _parts(machine: RBM) -> dict[str, Tensor]:
    return {"w": machine.w, "a": machine.a, "b": machine.b}


def _add(velocity: RBM, v: Tensor, p: Tensor, lr: float, momentum: float) -> None:
    """Sets velocity ← momentum · velocity + lr · the batch means of v p, v and p."""
    share = lr / v.shape[1]
    velocity.w.baddbmm_(v.mT, p, beta=momentum, alpha=share)
    velocity.a.mul_(momentum).add_(v.sum(1, keepdim=True), alpha=share)
    velocity.b.mul_(momentum).add_(p.sum(1, keepdim=True), alpha=share)


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
