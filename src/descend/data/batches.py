"""Batches: a split as the steps of an epoch see it, gathered and converted several at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, repeat
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64, Shaped
from torch import Tensor

from descend.data.examples import Split
from descend.data.order import Order
from descend.data.preparation import Preparation
from descend.errors import DataError

# What one gathering fills, on a CPU and on a GPU: so much that its operations cost little beside
# those of the steps. On a CPU 640 KiB, which stay in the second-level cache, are 2 to 6 % slower.
_CPU_BYTES = 4 * 1024 * 1024
_GPU_BYTES = 32 * 1024 * 1024


class Batch(NamedTuple):
    """One step's examples for every run; the next `take` overwrites them."""

    x: Float[Tensor, "runs batch features"]
    y: Shaped[Tensor, "runs batch *outputs"]
    weight: Float[Tensor, "runs batch"] | None


class Batches:
    """The batches of one split for `runs` runs at once, each run in its own order.

    Shuffled, every run draws its order from its own generator at the start of an epoch (`Order`).
    Not shuffled, or where one batch holds them all (`batch_size` None or large), nothing is drawn,
    the examples come in their own order, and all runs see the same memory (stride 0 over the runs).
    Pixels count as examples: x is (runs, batch * pixels, features), y (runs, batch * pixels).
    A last batch may be smaller, unless `drop_last`. An autoencoder's y is the same tensor as x.
    """

    def __init__(
        self,
        split: Split,
        preparation: Preparation,
        *,
        batch_size: int | None,
        shuffle: bool = True,
        drop_last: bool = False,
        generators: Sequence[torch.Generator] = (),
        runs: int | None = None,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        buffer_bytes: int | None = None,
    ) -> None:
        examples = len(split)
        if drop_last and batch_size is not None and batch_size > examples:
            raise DataError(
                f"`training.batch_size` must be {examples:,} or less with `drop_last`, "
                f"which would leave no batch: {batch_size:,}",
                hint='choose a smaller `training.batch_size`, or "all"',
            )
        self.examples = examples
        self.batch_size = examples if batch_size is None else min(batch_size, examples)
        self.runs = len(generators) if runs is None else runs
        self.dtype = dtype
        # The order within one batch of all examples changes a sum's rounding and nothing else.
        self.is_whole = self.batch_size == examples
        is_shuffled = shuffle and not self.is_whole
        if is_shuffled and len(generators) != self.runs:
            raise ValueError(f"{self.runs} runs need as many generators: {len(generators)}")
        place = torch.device(device)
        self._order: Order | None = None
        if is_shuffled:
            self._order = Order(examples, self.batch_size, drop_last, generators, place)
        self._full = examples // self.batch_size
        self._rest = 0 if drop_last else examples % self.batch_size
        self._bytes = buffer_bytes or (_CPU_BYTES if place.type == "cpu" else _GPU_BYTES)
        self._hold(split.to(place), preparation)
        self._lay_out()

    @property
    def steps_per_epoch(self) -> int:
        """The number of batches in an epoch."""
        return self._full + (self._rest > 0)

    def start_epoch(self) -> None:
        """Draw the order of the next epoch; nothing where the order never changes."""
        if self._order is not None:
            self._order.draw()

    def take(self, first: int, count: int) -> list[Batch]:
        """The batches `first` to `first + count - 1` of this epoch, `block` of them at most."""
        if self._whole is not None:
            return [self._whole] * count
        last = first + count
        if not 0 <= first < last <= self.steps_per_epoch or count > self.block:
            raise ValueError(
                f"batches {first} to {last - 1} of {self.steps_per_epoch} were asked for, "
                f"at most {self.block} at a time"
            )
        self._gather(self._rows(first, last))
        full = min(last, self._full) - first
        if full == count:
            return self._views[:count]
        return [*self._views[:full], self._view(full * self._step, self._rest)]

    def walk(self, first: int, count: int) -> Iterator[Batch]:
        """The batches `first` to `first + count - 1` of this epoch, gathered as they come up."""
        if self._whole is not None:
            return repeat(self._whole, count)
        stop = first + count
        blocks = (
            self.take(at, min(self.block, stop - at)) for at in range(first, stop, self.block)
        )
        return chain.from_iterable(blocks)

    def keep(self, rows: Int64[Tensor, " kept"]) -> None:
        """Go on with the runs at `rows` only, in that order; batches taken before are void."""
        self.runs = len(rows)
        if self._order is not None:
            self._order.keep(rows)
        self._lay_out()

    def state(self) -> dict[str, Tensor]:
        """The generators' states from before the draw of this epoch, (runs, bytes).

        After `load_state` with them, `start_epoch` draws the order of this epoch again.
        """
        return {} if self._order is None else {"generators": self._order.before.clone()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go back to before the draw of the epoch in which `state` was taken."""
        if self._order is not None:
            self._order.load(state["generators"])

    def _hold(self, split: Split, preparation: Preparation) -> None:
        """Keep the split raw, or prepared where it fits into one buffer or is one batch anyway."""
        is_small = split.x.numel() * self.dtype.itemsize <= self._bytes
        self._preparation = None if self.is_whole or is_small else preparation
        self._x = split.x
        if self._preparation is None:
            self._x = preparation.inputs(split.x, dtype=self.dtype)
        is_autoencoder = split.y is split.x
        self._y = None if is_autoencoder else preparation.targets(split.y, self.dtype)
        self._weight = None if split.weight is None else split.weight.to(self.dtype)
        if self._weight is not None and split.x.ndim == 3:
            self._weight = self._weight.unsqueeze(1).expand(split.x.shape[:2]).contiguous()

    def _lay_out(self) -> None:
        """Make the buffers, and the views of them that `take` hands out, for the present runs."""
        self._lanes = self.runs if self._order is not None else 1
        self._step = self._lanes * self.batch_size
        self._whole: Batch | None = None
        if self.is_whole:
            self.block = 1
            self._buffers = (self._x, self._y, self._weight)
            self._whole = self._view(0, self.examples)
            return
        self._piece = max(self._bytes // (self._x[0].numel() * self.dtype.itemsize), 1)
        self.block = min(max(self._piece // self._step, 1), self.steps_per_epoch)
        rows = self.block * self._step
        self._buffers = (
            self._x.new_empty((rows, *self._x.shape[1:]), dtype=self.dtype),
            None if self._y is None else self._y.new_empty((rows, *self._y.shape[1:])),
            None if self._weight is None else self._weight.new_empty(rows, *self._weight.shape[1:]),
        )
        is_raw = self._x.dtype != self.dtype
        self._raw = (
            self._x.new_empty(min(self._piece, rows), *self._x.shape[1:]) if is_raw else None
        )
        self._views = [self._view(k * self._step, self.batch_size) for k in range(self.block)]

    def _rows(self, first: int, last: int) -> Tensor:
        """The examples to gather for the batches from `first` up to but not including `last`."""
        if self._order is not None:
            return self._order.rows(first, last)
        end = min(last * self.batch_size, self._full * self.batch_size + self._rest)
        return torch.arange(first * self.batch_size, end, device=self._x.device)

    def _gather(self, rows: Tensor) -> None:
        """Fill the buffers with the examples at `rows`, in pieces that stay in the cache."""
        x, y, weight = self._buffers
        for part, out in zip(
            torch.split(rows, self._piece), torch.split(x, self._piece), strict=False
        ):
            out = out[: len(part)]
            raw = out if self._raw is None else self._raw[: len(part)]
            torch.index_select(self._x, 0, part, out=raw)
            if self._preparation is not None:
                self._preparation.inputs(raw, out=out)
        for values, buffer in ((self._y, y), (self._weight, weight)):
            if values is not None and buffer is not None:
                torch.index_select(values, 0, rows, out=buffer[: len(rows)])

    def _view(self, start: int, size: int) -> Batch:
        """The batch of `size` examples per run whose rows begin at `start` of the buffers."""
        stop = start + self._lanes * size
        pixels = self._x.shape[1] if self._x.ndim == 3 else None

        def batch(buffer: Tensor) -> Tensor:
            rows = buffer[start:stop]
            shape = (
                (self._lanes, size, *rows.shape[1:])
                if pixels is None
                else (self._lanes, size * pixels, *rows.shape[2:])
            )
            return rows.view(shape).expand(self.runs, *shape[1:])

        x, y, weight = self._buffers
        seen = batch(x)
        return Batch(
            x=seen,
            y=seen if y is None else batch(y),
            weight=None if weight is None else batch(weight),
        )
