"""The same networks a second time, from torch's functions and autograd: the oracle of the tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from hypothesis import strategies as st
from torch import Generator, Tensor
from torch.nn import functional

from descend.network.architecture import Architecture, Block
from descend.network.init_names import Init
from descend.network.losses import LOSSES, Objective
from descend.network.passes import TrainingPass
from descend.network.stack import Stack
from descend.recipe.names import ACTIVATIONS as NAMES

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
    "selu": torch.selu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "exp": torch.exp,
    "softmax": lambda z: torch.softmax(z, -1),
    "log_softmax": lambda z: torch.log_softmax(z, -1),
}


def _by_class(outputs: Tensor, y: Tensor, loss: Callable[..., Tensor]) -> Tensor:
    return loss(outputs.flatten(0, -2), y.flatten(), reduction="none").view(y.shape)


BATCH_NORM: tuple[str | bool, ...] = (False, "before", "after")

# value by value, for outputs and targets of any leading axes
VALUES: dict[tuple[str, str], Callable[[Tensor, Tensor], Tensor]] = {
    ("mse", "logits"): lambda o, y: functional.mse_loss(o, y, reduction="none"),
    ("l1", "logits"): lambda o, y: functional.l1_loss(o, y, reduction="none"),
    ("huber", "logits"): lambda o, y: functional.huber_loss(o, y, reduction="none"),
    ("poisson", "logits"): lambda o, y: functional.poisson_nll_loss(o, y, reduction="none"),
    ("poisson", "probabilities"): lambda o, y: functional.poisson_nll_loss(
        o, y, log_input=False, reduction="none"
    ),
    ("bce", "logits"): lambda o, y: functional.binary_cross_entropy_with_logits(
        o, y, reduction="none"
    ),
    ("bce", "probabilities"): lambda o, y: functional.binary_cross_entropy(o, y, reduction="none"),
    ("cross_entropy", "logits"): lambda o, y: _by_class(o, y, functional.cross_entropy),
    ("cross_entropy", "probabilities"): lambda o, y: _by_class(o.log(), y, functional.nll_loss),
    ("nll", "logits"): lambda o, y: _by_class(o, y, functional.nll_loss),
}

# the output activations for which a loss is a number; the others give logarithms of negatives
SUITING = {
    **{key: tuple(ACTIVATIONS) for key in VALUES if key[1] == "logits"},
    ("poisson", "probabilities"): ("sigmoid", "softplus", "exp", "softmax"),
    ("bce", "probabilities"): ("sigmoid", "softmax"),
    ("cross_entropy", "probabilities"): ("sigmoid", "softplus", "exp", "softmax"),
}


def reduced(values: Tensor, weight: Tensor | None, reduction: str) -> Tensor:
    """One number for one run's values (batch,) or (batch, outputs); weight (batch,)."""
    if weight is not None:
        weight = weight if values.ndim == 1 else weight.unsqueeze(-1).expand_as(values)
    if reduction == "sum":
        return values.sum() if weight is None else (values * weight).sum()
    return values.mean() if weight is None else (values * weight).sum() / weight.sum()


def block(
    fan_in: int,
    fan_out: int,
    activation: str = "identity",
    batch_norm: str | bool = False,
    dropout: float = 0.0,
    l1: float = 0.0,
    l2: float = 0.0,
    **settings: float,
) -> Block:
    """A block whose weights are drawn as torch's are."""
    own = dropout, Init(), Init(), l1, l2
    return Block(fan_in, fan_out, activation, batch_norm, *own, **settings)


def stack_of(
    architectures: Sequence[Architecture],
    seeds: Sequence[int] | None = None,
    dtype: torch.dtype = torch.float64,
) -> Stack:
    """A stack whose every parameter, also γ and β, comes from its run's seed alone."""
    seeds = range(len(architectures)) if seeds is None else seeds
    stack = Stack(architectures, list(seeds), dtype=dtype)
    generators = [Generator().manual_seed(seed) for seed in seeds]
    stack.initialise(generators)
    for views, running in zip(stack.views, stack.running, strict=True):
        if views.scale is None or views.shift is None or running is None:
            continue
        for run, generator in enumerate(generators):
            for tensor, least in ((views.scale, 0.5), (views.shift, -0.5)):
                tensor[run].uniform_(least, least + 1, generator=generator)
            for tensor, least in zip(running, (-0.5, 0.5), strict=True):
                tensor[run].uniform_(least, least + 1, generator=generator)
    return stack


@dataclass(frozen=True)
class Case:
    """Networks of one shape, and a batch for each of them."""

    architectures: tuple[Architecture, ...]
    loss: tuple[str, str]
    reduction: str
    is_weighted: bool
    batch: int
    seed: int

    def stack(self, dtype: torch.dtype = torch.float64) -> Stack:
        seeds = [self.seed + run for run in range(len(self.architectures))]
        return stack_of(self.architectures, seeds, dtype)

    def objective(self) -> Objective:
        return Objective(LOSSES[self.loss](), self.reduction)

    def data(self, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor | None]:
        """x, y and weight, each with a row for each run."""
        blocks, runs = self.architectures[0], len(self.architectures)
        generator = Generator().manual_seed(self.seed + 1)
        x = torch.randn(runs, self.batch, blocks[0].fan_in, dtype=dtype, generator=generator)
        y = targets(self.loss, (runs, self.batch, blocks[-1].fan_out), generator, dtype)
        weight = torch.rand(runs, self.batch, dtype=dtype, generator=generator) + 0.1
        return x, y, weight if self.is_weighted else None


def size_of(numbers: Tensor) -> float:
    """The largest finite number, or 1: what a rounding error is a share of."""
    finite = numbers[numbers.isfinite()].abs()
    return max(1.0, float(finite.max())) if finite.numel() else 1.0


def targets(
    loss: tuple[str, str], shape: tuple[int, ...], generator: Generator, dtype: torch.dtype
) -> Tensor:
    """Targets that the loss is meant for, soft ones among them."""
    name = loss[0]
    if name in ("cross_entropy", "nll"):
        return torch.randint(shape[-1], shape[:-1], generator=generator)
    if name == "poisson":
        return torch.randint(5, shape, generator=generator).to(dtype)
    if name == "bce":
        soft = torch.rand(shape, dtype=dtype, generator=generator)
        return torch.where(soft < 0.5, soft, soft.round())
    return torch.randn(shape, dtype=dtype, generator=generator)


class Network:
    """One run of a stack, with copies of its parameters that autograd follows."""

    def __init__(self, stack: Stack, run: int) -> None:
        self.blocks = stack.architectures[run]
        self.leaves: list[list[Tensor]] = []
        self.running: list[tuple[Tensor, Tensor] | None] = []
        for views, running in zip(stack.views, stack.running, strict=True):
            parts = (views.w, views.b, views.scale, views.shift)
            own = [part[run].detach().clone() for part in parts if part is not None]
            self.leaves.append([part.requires_grad_() for part in own])
            self.running.append(
                running and (running[0][run, 0].clone(), running[1][run, 0].clone())
            )

    def forward(self, x: Tensor, masks: dict[int, Tensor] | None) -> Tensor:
        """The outputs for x (batch, features); masks None is evaluation mode."""
        for place, given in enumerate(self.blocks):
            w, b, *norm = self.leaves[place]
            x = functional.linear(x, w.T, b.flatten())
            if given.batch_norm == "before":
                x = self._batch_norm(x, norm, place, masks is not None)
            slope = {"negative_slope": given.slope} if given.activation == "leaky_relu" else {}
            x = ACTIVATIONS[given.activation](x, **slope)
            if given.batch_norm == "after":
                x = self._batch_norm(x, norm, place, masks is not None)
            if masks is not None and place in masks:
                x = x * masks[place]
        return x

    def _batch_norm(self, x: Tensor, norm: list[Tensor], place: int, is_training: bool) -> Tensor:
        running = self.running[place]
        assert running is not None
        scale, shift = (part.flatten() for part in norm)
        given = self.blocks[place]
        settings = is_training, given.batch_norm_momentum, given.batch_norm_eps
        return functional.batch_norm(x, *running, scale, shift, *settings)

    def penalty(self) -> Tensor:
        """l1 Σ|w| + l2 Σw²."""
        parts = [
            given.l1 * w.abs().sum() + given.l2 * w.square().sum()
            for given, (w, *_) in zip(self.blocks, self.leaves, strict=True)
        ]
        return torch.stack(parts).sum()

    def gradient(self, total: Tensor) -> Tensor:
        """The derivative of `total` by every parameter, in the order of theta."""
        leaves = [leaf for leaves in self.leaves for leaf in leaves]
        slopes = torch.autograd.grad(total, leaves, allow_unused=True, materialize_grads=True)
        return torch.cat([slope.flatten() for slope in slopes])

    def statistics(self) -> Tensor:
        """The running means and variances, in the order of the stack's."""
        parts = [part for running in self.running if running is not None for part in running]
        return torch.cat(parts) if parts else torch.empty(0)


def masks_of(stack: Stack, training: TrainingPass, run: int) -> dict[int, Tensor]:
    """The factors that a pass applied to each block's outputs, of the blocks with dropout."""
    places = [
        place
        for place in range(len(stack.blocks))
        if any(blocks[place].dropout > 0 for blocks in stack.architectures)
    ]
    return {
        place: dropout.mask[run] for place, dropout in zip(places, training.dropouts, strict=True)
    }


@st.composite
def architectures(
    draw: st.DrawFn, runs: int, dropouts: st.SearchStrategy[float], output: tuple[str, ...]
) -> tuple[Architecture, ...]:
    """`runs` networks of one random shape; dropout, l1 and l2 differ from run to run."""
    widths = draw(st.lists(st.integers(1, 6), min_size=2, max_size=5))
    amounts = st.sampled_from([0.0, 0.0, 0.01, 0.3])
    blocks: list[list[Block]] = [[] for _ in range(runs)]
    for place, (fan_in, fan_out) in enumerate(pairwise(widths)):
        is_last = place == len(widths) - 2
        activation = draw(st.sampled_from(output if is_last else NAMES))
        batch_norm = False if is_last else draw(st.sampled_from(BATCH_NORM))
        slope = draw(st.sampled_from([0.01, 0.2, 0.0]))
        for run in range(runs):
            dropout = 0.0 if is_last else draw(dropouts)
            l1, l2 = draw(amounts), draw(amounts)
            settings = {
                "slope": slope,
                "batch_norm_eps": draw(st.sampled_from([1e-5, 1e-3])),
                "batch_norm_momentum": draw(st.sampled_from([0.1, 0.01, 1.0])),
            }
            own = dropout, l1, l2
            blocks[run].append(block(fan_in, fan_out, activation, batch_norm, *own, **settings))
    return tuple(map(tuple, blocks))


@st.composite
def cases(draw: st.DrawFn, min_runs: int = 1, max_runs: int = 4, min_batch: int = 1) -> Case:
    """Random networks, losses and batches."""
    loss = draw(st.sampled_from(sorted(LOSSES)))
    dropouts = st.just(0.0) | st.sampled_from([0.0, 0.1, 0.5, 0.9])
    runs = draw(st.integers(min_runs, max_runs))
    return Case(
        architectures=draw(architectures(runs, dropouts, SUITING[loss])),
        loss=loss,
        reduction=draw(st.sampled_from(["mean", "sum"])),
        is_weighted=draw(st.booleans()),
        batch=draw(st.integers(min_batch, 7)),
        seed=draw(st.integers(0, 2**31)),
    )
