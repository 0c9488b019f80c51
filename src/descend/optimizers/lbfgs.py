"""Limited-memory BFGS."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from descend.optimizers.history import History
from descend.optimizers.optimizer import Again
from descend.optimizers.rule import Rule
from descend.optimizers.strong_wolfe import Evaluated, Point, factor, strong_wolfe


class Limits(NamedTuple):
    """How long one run's first step is, and when its search ends."""

    lr: float
    max_iter: int
    max_eval: int
    tolerance_grad: float
    tolerance_change: float


def descend(
    x: Float[Tensor, "parameters"], history: History, limits: Limits, line_search: str | None
) -> Generator[Tensor, Evaluated, Tensor]:
    """Minimises the loss of one run by at most `max_iter` moves and about `max_eval` evaluations.

    A generator: it yields each point that it wants to know, x first, is sent (loss, gradient)
    there, and returns the last point. It knows nothing of other runs.
    """
    loss, gradient = yield x
    evaluations = 1
    history.evaluations += 1
    if _largest(gradient) <= limits.tolerance_grad:
        return x
    for iteration in range(1, limits.max_iter + 1):
        t = limits.lr
        if history.iterations == 0:
            t *= min(1.0, 1 / float(gradient.abs().sum()))
        else:
            history.learn(gradient)
        direction = history.newton_direction(gradient)
        history.iterations += 1
        history.direction, history.gradient, history.t = direction, gradient, t
        start = Point(0.0, loss, gradient, float(gradient.dot(direction)))
        if start.slope > -limits.tolerance_change:
            break
        tried = 0
        if line_search is not None:
            most = limits.max_eval - evaluations
            search = strong_wolfe(x, direction, start, t, limits.tolerance_change, most)
            (t, loss, gradient, _), tried = yield from search
            history.t = t
        x = x.add(direction, alpha=factor(t, x))
        if line_search is None and iteration < limits.max_iter:
            loss, gradient = yield x
            tried = 1
        evaluations += tried
        history.evaluations += tried
        if (
            evaluations >= limits.max_eval
            or _largest(gradient) <= limits.tolerance_grad
            or _largest(direction * t) <= limits.tolerance_change
            or abs(loss - start.loss) < limits.tolerance_change
        ):
            break
    return x


def _largest(vector: Float[Tensor, "parameters"]) -> float:
    return float(vector.abs().max())


class LBFGS(Rule):
    """θ ← θ - t·H·g, where H estimates the inverse Hessian from the last moves and gradients.

    One step is up to `max_iter` such moves. All runs move in lockstep: each has its own search
    and its own end, and one `again()` evaluates the points that all of them ask for.
    Without a line search t = lr (the very first move: lr·min(1, 1/|g|₁)); with "strong_wolfe" that
    is the first trial. For full batches, and an `again()` that gives equal results at equal points.
    Settings: lr 1, max_iter 20, max_eval 1.25·max_iter, tolerance_grad 1e-7,
    tolerance_change 1e-9, history_size 100; line_search None or "strong_wolfe".

    Liu & Nocedal 1989; `torch.optim.LBFGS`.
    """

    name = "lbfgs"
    is_elementwise = False

    def __init__(
        self,
        theta: Float[Tensor, "runs parameters"],
        settings: Mapping[str, Tensor],
        *,
        line_search: str | None = None,
    ) -> None:
        super().__init__(theta, settings)
        self.line_search = line_search
        usual = self.numbers["max_iter"].mul(5).div(4, rounding_mode="floor")
        given = self.numbers["max_eval"]
        self.numbers["max_eval"] = torch.where(given.isnan(), usual, given)
        sizes = self.numbers["history_size"].flatten().tolist()
        self.histories = [History.empty(x, int(n)) for x, n in zip(theta, sizes, strict=True)]

    def step(
        self,
        theta: Float[Tensor, "runs parameters"],
        gradient: Float[Tensor, "runs parameters"],
        again: Again | None = None,
        loss: Float[Tensor, "runs"] | None = None,
    ) -> None:
        if again is None:
            raise TypeError("LBFGS.step needs `again`: it asks for the loss at several points")
        self.steps += 1
        searches = dict(enumerate(self._searches(theta)))
        for search in searches.values():
            next(search)  # asks for the present point, which is known
        losses = (again() if loss is None else loss).tolist()
        while searches:
            for row, search in list(searches.items()):
                try:
                    point = search.send((losses[row], gradient[row].clone()))
                except StopIteration as end:
                    point = end.value
                    del searches[row]
                theta[row].copy_(point)
            if searches:
                losses = again().tolist()

    def _searches(
        self, theta: Float[Tensor, "runs parameters"]
    ) -> list[Generator[Tensor, Evaluated, Tensor]]:
        names = ("max_iter", "max_eval", "tolerance_grad", "tolerance_change")
        numbers = torch.cat([self.lr.double(), *(self.numbers[name] for name in names)], dim=1)
        limits = [
            Limits(lr, int(max_iter), int(max_eval), tolerance_grad, tolerance_change)
            for lr, max_iter, max_eval, tolerance_grad, tolerance_change in numbers.tolist()
        ]
        return [
            descend(x.clone(), history, limit, self.line_search)
            for x, history, limit in zip(theta, self.histories, limits, strict=True)
        ]

    def state(self) -> dict[str, Tensor]:
        """The histories as tensors, padded with zeros to the longest one."""
        longest = max((len(history.pairs) for history in self.histories), default=0)
        tables = [history.tables(longest) for history in self.histories]
        names = tables[0] if tables else ()
        stacked = {name: torch.stack([table[name] for table in tables]) for name in names}
        return {**super().state(), **stacked}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        for table in ("direction", "last_gradient"):
            self.recall(state, table, (len(self.histories), self.parameters))
        for row, history in enumerate(self.histories):
            history.load({name: table[row] for name, table in state.items() if table.ndim})
        super().load_state(state)

    def keep(self, rows: Int64[Tensor, "kept"]) -> None:
        super().keep(rows)
        self.histories = [self.histories[row] for row in rows.tolist()]
