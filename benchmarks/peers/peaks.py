"""How much memory a training needs at its peak: descend's, and that of as many models of torch."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import torch
from side_by_side import OURS
from torch import Tensor, nn

from descend.training.training import Training
from peers.images import Images
from peers.in_torch import classifier
from peers.ours import ToTheEnd, recipe_for

EXAMPLES, STEPS = 1_000, 5


class Work(NamedTuple):
    """So many networks of one shape, trained side by side."""

    runs: int
    widths: tuple[int, ...]
    batch: int
    keeps_best: bool = False  # the weights that were the best so far, for early stopping

    @property
    def parameters(self) -> int:
        """Bytes of all networks' parameters."""
        pairs = zip(self.widths, self.widths[1:], strict=False)
        return 4 * self.runs * sum((fan_in + 1) * fan_out for fan_in, fan_out in pairs)

    @property
    def of_batch(self) -> int:
        """Bytes of one batch of each network: its inputs, each layer's outputs and slopes."""
        return 4 * self.runs * self.batch * (self.widths[0] + 2 * sum(self.widths[1:]))


TINY = Work(2, (784, 8, 8, 10), 10)


@cache
def noise() -> Images:
    """Examples of MNIST's shape."""
    x = torch.randint(256, (EXAMPLES, 784), dtype=torch.uint8)
    y = torch.randint(10, (EXAMPLES,))
    return Images("noise", x, y, x[:10], y[:10])


@cache
def inputs() -> Tensor:
    """The same as floats."""
    return noise().as_floats()[0]


def in_descend(work: Work) -> None:
    """A stack; its first steps are measured ones, as by default."""
    examples = noise().as_examples()
    tree: dict[str, dict[str, Any]] = {
        "data": {"source": "mnist"},
        "network": {"hidden": list(work.widths[1:-1])},
        "training": {"batch_size": work.batch, "epochs": 1, "steps": STEPS, "evaluate": []},
    }
    if work.keeps_best:
        tree["training"] |= {"early_stopping": {"metric": "test/loss"}, "evaluate": ["test"]}
    recipe = recipe_for(tree, examples)
    recipes = [recipe.edited({"training.seed": seed}) for seed in range(work.runs)]
    training = Training(recipes, examples)
    training.run(ToTheEnd(training))


def in_torch(work: Work) -> None:
    """As many models with their optimizers, each of which takes a step in its turn."""
    x, y = inputs(), noise().y
    models = [classifier(list(work.widths[1:-1]), False) for _ in range(work.runs)]
    optimizers = [torch.optim.Adam(model.parameters()) for model in models]
    orders = [torch.randperm(EXAMPLES) for _ in models]
    kept = [deepcopy(model.state_dict()) for model in models if work.keeps_best]
    for step in range(STEPS):
        for model, optimizer, order in zip(models, optimizers, orders, strict=True):
            rows = order[step * work.batch : (step + 1) * work.batch]
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    assert len(kept) == work.runs * work.keeps_best


PROGRAMS: dict[str, Callable[[Work], None]] = {OURS: in_descend, "plain torch": in_torch}


def peak_here(program: str, work: Work) -> int:
    """The resident memory that a program needs beyond what this process has, in bytes.

    It has trained a tiny network before, so that neither code nor examples count. Linux only.
    """
    run = PROGRAMS[program]
    run(TINY)
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    before = _resident("VmRSS")
    run(work)
    return _resident("VmHWM") - before


def _resident(name: str) -> int:
    """VmRSS, the resident memory of this process, or VmHWM, the most that it was."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(name)).split()[1])
