"""Stack: many networks of one shape whose parameters are one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import torch
from jaxtyping import Float, Int64
from torch import Generator, Tensor

from descend.errors import NetworkError
from descend.memory import require
from descend.network.architecture import Architecture, parameters_of, statistics_of
from descend.network.initialisers import LayerShape, draw

COPIES = 2  # of the parameters: themselves and their gradient


@dataclass(frozen=True)
class BlockViews:
    """The parameters of one block of all runs, as views of a tensor like theta."""

    w: Float[Tensor, "runs fan_in fan_out"]
    b: Float[Tensor, "runs 1 fan_out"]
    scale: Float[Tensor, "runs 1 fan_out"] | None  # γ and β of the batch normalisation
    shift: Float[Tensor, "runs 1 fan_out"] | None


class Stack:
    """`runs` networks side by side: row r of every tensor belongs to run r alone.

    theta: (runs, parameters), layer after layer, each w, b, then γ and β.
    gradient: the same places; statistics: (runs, running means and variances of the layers).
    """

    def __init__(
        self,
        architectures: Sequence[Architecture],
        seeds: Sequence[int],
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        structures = {tuple(block.structure for block in blocks) for blocks in architectures}
        if len(structures) != 1 or len(architectures) != len(seeds):
            raise NetworkError(
                f"the runs of a stack must have one shape and one seed each: {len(structures)} "
                f"shapes, {len(seeds)} seeds for {len(architectures)} runs"
            )
        runs, parameters = len(architectures), parameters_of(architectures[0])
        if torch.device(device).type == "cpu":
            require(COPIES * runs * parameters * dtype.itemsize)
        self.architectures = tuple(architectures)
        self.blocks = self.architectures[0]
        self.seeds = torch.tensor(seeds, dtype=torch.int64, device=device)
        self.theta = torch.zeros(runs, parameters, dtype=dtype, device=device)
        self.gradient = torch.zeros_like(self.theta)
        self.statistics = self.theta.new_zeros(runs, statistics_of(self.blocks))
        self._make_views()
        for views, running in zip(self.views, self.running, strict=True):
            if views.scale is not None and running is not None:
                views.scale.fill_(1)
                running[1].fill_(1)

    @property
    def runs(self) -> int:
        return len(self.theta)

    def row(self, run: int) -> int:
        """`run` itself; NetworkError if the stack has no such run."""
        if not 0 <= run < self.runs:
            raise NetworkError(f"`run` must be from 0 to {self.runs - 1}: {run}")
        return run

    def initialise(self, generators: Sequence[Generator]) -> None:
        """Draw the weights and biases of each run from its own generator, on the CPU."""
        for run, (blocks, generator) in enumerate(zip(self.architectures, generators, strict=True)):
            shapes = [LayerShape(b.fan_in, b.fan_out, b.init, b.bias_init) for b in blocks]
            drawn = draw(shapes, generator, self.theta.dtype)
            for views, (w, b) in zip(self.views, drawn, strict=True):
                views.w[run].copy_(w)
                views.b[run, 0].copy_(b)

    def per_run(self, layer: int, name: str) -> Float[Tensor, "runs 1 1"]:
        """A number that each run has for a layer: its dropout rate, l1 or l2."""
        numbers = [getattr(blocks[layer], name) for blocks in self.architectures]
        return self.theta.new_tensor(numbers).view(-1, 1, 1)

    def keep(self, rows: Int64[Tensor, " kept"]) -> None:
        """Only these runs stay; passes made before are no longer of this stack."""
        self.architectures = tuple(self.architectures[int(row)] for row in rows)
        rows = rows.to(self.theta.device)
        self.seeds = self.seeds[rows]
        self.theta = self.theta[rows]
        self.statistics = self.statistics[rows]
        self.gradient = torch.zeros_like(self.theta)
        self._make_views()

    def _make_views(self) -> None:
        self.views = views_of(self.theta, self.blocks)
        self.slopes = views_of(self.gradient, self.blocks)
        self.running: list[tuple[Tensor, Tensor] | None] = []
        first = 0
        for block in self.blocks:
            if not block.batch_norm:
                self.running.append(None)
                continue
            mean = self.statistics[:, first : first + block.fan_out]
            var = self.statistics[:, first + block.fan_out : first + 2 * block.fan_out]
            self.running.append((mean.unsqueeze(1), var.unsqueeze(1)))
            first += 2 * block.fan_out


def weights_at(blocks: Architecture) -> list[slice]:
    """The columns of theta in which each block has its weights."""
    ends = accumulate(block.parameters for block in blocks)
    starts = (end - block.parameters for end, block in zip(ends, blocks, strict=True))
    return [slice(at, at + b.fan_in * b.fan_out) for at, b in zip(starts, blocks, strict=True)]


def views_of(theta: Float[Tensor, "runs parameters"], blocks: Architecture) -> list[BlockViews]:
    """The parameters of each block as views of `theta`."""
    views = []
    first = 0
    for block in blocks:
        weights = block.fan_in * block.fan_out
        sizes = [weights, block.fan_out] + [block.fan_out] * (2 if block.batch_norm else 0)
        w, *rest = torch.split(theta[:, first : first + block.parameters], sizes, dim=1)
        b, *norm = (part.unsqueeze(1) for part in rest)
        scale, shift = norm or (None, None)
        views.append(BlockViews(w.view(len(w), block.fan_in, block.fan_out), b, scale, shift))
        first += block.parameters
    return views
