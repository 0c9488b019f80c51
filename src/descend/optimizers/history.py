"""What LBFGS remembers of one run."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Pair(NamedTuple):
    """What one move taught: the move s, the gradient's change y, and ρ = 1 / y·s."""

    s: Float[Tensor, "parameters"]
    y: Float[Tensor, "parameters"]
    rho: float


@dataclass
class History:
    """The last moves of a run, and where the next one starts; H₀ = scale·I."""

    pairs: deque[Pair]
    direction: Float[Tensor, "parameters"]
    gradient: Float[Tensor, "parameters"]
    t: float = 0.0
    scale: float = 1.0
    iterations: int = 0
    evaluations: int = 0

    @classmethod
    def empty(cls, like: Float[Tensor, "parameters"], size: int) -> History:
        """A history with room for `size` pairs."""
        return cls(deque(maxlen=size), torch.zeros_like(like), torch.zeros_like(like))

    def learn(self, gradient: Float[Tensor, "parameters"]) -> None:
        """Adds the last move, if the loss curved upwards along it."""
        y = gradient - self.gradient
        s = self.direction * self.t
        curvature = float(y.dot(s))
        if curvature > 1e-10:
            self.pairs.append(Pair(s, y, 1 / curvature))
            self.scale = curvature / float(y.dot(y))

    def newton_direction(
        self, gradient: Float[Tensor, "parameters"]
    ) -> Float[Tensor, "parameters"]:
        """-H·g by the two-loop recursion (Nocedal & Wright 2006, algorithm 7.4)."""
        q = -gradient
        most = torch.finfo(q.dtype).max  # beyond it torch would raise, and stop the other runs
        shares = []
        for s, y, rho in reversed(self.pairs):
            shares.append(float(s.dot(q)) * rho)
            q.add_(y, alpha=max(-most, min(most, -shares[-1])))
        q.mul_(self.scale)
        for s, y, rho in self.pairs:
            share = shares.pop() - float(y.dot(q)) * rho
            q.add_(s, alpha=max(-most, min(most, share)))
        return q

    def tables(self, longest: int) -> dict[str, Tensor]:
        """All of it as tensors, with room for `longest` pairs."""
        moves = self.direction.new_zeros(longest, len(self.direction))
        changes = torch.zeros_like(moves)
        rhos = torch.zeros(longest, dtype=torch.float64)
        for row, (s, y, rho) in enumerate(self.pairs):
            moves[row], changes[row], rhos[row] = s, y, rho
        numbers = (self.t, self.scale, self.iterations, self.evaluations, len(self.pairs))
        return {
            "direction": self.direction,
            "last_gradient": self.gradient,
            "moves": moves,
            "changes": changes,
            "rhos": rhos,
            "numbers": torch.tensor(numbers, dtype=torch.float64),
        }

    def load(self, tables: Mapping[str, Tensor]) -> None:
        """Takes back what `tables` gave."""
        t, scale, iterations, evaluations, pairs = tables["numbers"].tolist()
        self.t, self.scale = t, scale
        self.iterations, self.evaluations = int(iterations), int(evaluations)
        device = self.direction.device
        self.direction = tables["direction"].to(device, copy=True)
        self.gradient = tables["last_gradient"].to(device, copy=True)
        self.pairs.clear()
        for row in range(int(pairs)):
            s = tables["moves"][row].to(device, copy=True)
            y = tables["changes"][row].to(device, copy=True)
            self.pairs.append(Pair(s, y, float(tables["rhos"][row])))
