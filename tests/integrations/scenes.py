"""A small problem, a network for it, and the same network with a first layer that is dead."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from descend.findings.finding import Finding
from descend.integrations.callback import Watching

EXAMPLES, BATCH, EPOCHS = 256, 32, 5
DEAD = -50.0  # a bias that no input of this problem makes up for


def examples() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Points in four quadrants, of two classes."""
    x = np.random.default_rng(0).normal(size=(EXAMPLES, 4)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] > 0).astype(np.int64)


def network(*last: nn.Module, is_dead: bool = False) -> nn.Sequential:
    """The same first weights each time; batch norm and dropout have states of their own."""
    torch.manual_seed(0)
    first = nn.Linear(4, 16)
    if is_dead:
        nn.init.constant_(first.bias, DEAD)
    norm, dropout = nn.BatchNorm1d(16), nn.Dropout(0.2)
    return nn.Sequential(
        first, nn.ReLU(), nn.Linear(16, 16), norm, dropout, nn.Linear(16, 2), *last
    )


def are_equal(ours: nn.Module, theirs: nn.Module) -> bool:
    """Whether two networks are bit for bit the same, running statistics too."""
    pairs = zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True)
    return all(torch.equal(one, other) for one, other in pairs)


def hooks(network: nn.Module) -> int:
    """How many hooks are on the modules of a network."""
    return sum(len(one._forward_hooks) + len(one._forward_pre_hooks) for one in network.modules())


def graver(findings: Sequence[Finding]) -> list[tuple[str, str]]:
    """What is graver than a note: codes and places, without what modules are called."""
    return [
        (one.code, str(one.place).partition(" (")[0]) for one in findings if one.severity != "note"
    ]


def saw_all(callback: Watching, steps: int) -> bool:
    """Whether the watch has seen every step to its end, and did not step aside."""
    watch = callback.watch
    assert watch is not None
    assert watch.failure is None
    loop = watch.record().loop
    return (watch.status, loop.steps, loop.passes >= steps) == ("finished", steps, True)
