"""Watching a plain torch loop takes 3 % of its time at most, and 5 % where a step is tiny.

Two loops train the same network on the same batches in one process, one of them watched, in turns
of a fraction of a second, so that whatever else the machine does slows both alike. The clock that
the watch goes by stands still while the other loop has its turn. What is compared is the time of
all turns together, by the clock and by the processor; start and stop, with the verdict, are apart.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

from side_by_side import machine, one_thread, options, spread, write

one_thread()

import torch  # noqa: E402
from peers.images import images  # noqa: E402
from torch import Tensor, nn  # noqa: E402

import descend  # noqa: E402
from descend.watching.watch import Watch  # noqa: E402

TURN = 0.15  # seconds
WARM_UP = 20  # steps


@dataclass(frozen=True)
class Work:
    """A network and its batches; limit: how much longer a watched loop may take."""

    name: str
    widths: Sequence[int]
    batch: int
    dropout: float = 0.0
    limit: float = 1.03


WORKS = (
    Work("mnist-nn, 784-256-256-10", (784, 256, 256, 10), 100),
    Work("784-512×4-10 with dropout", (784, 512, 512, 512, 512, 10), 100, dropout=0.3),
    Work("784-32-32-10", (784, 32, 32, 10), 32, limit=1.05),
)


@dataclass
class Loop:
    """A tutorial's loop with its images in memory, taken up where it was left."""

    work: Work
    x: Tensor
    y: Tensor
    watch: Watch | None = None
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        torch.manual_seed(777)
        self.model = nn.Sequential(*_layers(self.work))
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=0.001)
        self.batches = self._batches()
        self.train(WARM_UP)

    def _batches(self) -> Iterator[Tensor]:
        order = torch.Generator().manual_seed(777)
        while True:
            yield from torch.randperm(len(self.x), generator=order).split(self.work.batch)[:-1]

    def train(self, steps: int) -> None:
        """The loop itself."""
        for _ in range(steps):
            batch = next(self.batches)
            x, y = self.x[batch], self.y[batch]
            self.optimizer.zero_grad()
            loss = self.criterion(self.model(x), y)
            loss.backward()
            self.optimizer.step()

    def turn(self, steps: int) -> None:
        """Train for one turn, and keep how long it took."""
        begin = perf_counter(), process_time()
        self.train(steps)
        self.seconds.append(perf_counter() - begin[0])
        self.processor.append(process_time() - begin[1])


def _layers(work: Work) -> Iterator[nn.Module]:
    for fan_in, fan_out in zip(work.widths[:-2], work.widths[1:-1], strict=True):
        yield nn.Linear(fan_in, fan_out)
        yield nn.ReLU()
        if work.dropout:
            yield nn.Dropout(work.dropout)
    yield nn.Linear(work.widths[-2], work.widths[-1])


def measured(work: Work, given: argparse.Namespace) -> dict[str, object]:
    """Train in turns, print what came of it, and return it."""
    data = images(given.examples, 10, given.data_dir)
    x = torch.as_tensor(data.x, dtype=torch.float32).flatten(1) / 255
    y = torch.as_tensor(data.y, dtype=torch.int64)
    alone, watched = Loop(work, x, y), Loop(work, x, y)
    for loop in (watched, alone):
        loop.turn(WARM_UP)
    steps = max(1, round(TURN * WARM_UP / alone.seconds[0]))
    for loop in (watched, alone):
        loop.seconds.clear()
        loop.processor.clear()
    watch = descend.watch(watched.model, watched.optimizer, watched.criterion, out=None, quiet=True)
    begin = perf_counter()
    watch.start()
    started = perf_counter() - begin
    for number in range(given.rounds):
        for loop in (alone, watched) if number % 2 else (watched, alone):
            begin = perf_counter()
            loop.turn(steps)
            if loop is alone:
                watch.observer.budget.at += perf_counter() - begin
                watch._looked += perf_counter() - begin
    begin = perf_counter()
    watch.stop()
    stopped = perf_counter() - begin
    assert watch.failure is None
    if not work.dropout:  # the two loops share one stream of masks
        same = zip(alone.model.parameters(), watched.model.parameters(), strict=True)
        assert all(torch.equal(one, other) for one, other in same)
    ratio = sum(watched.seconds) / sum(alone.seconds)
    by_processor = sum(watched.processor) / sum(alone.processor)
    pairs = [one / other for one, other in zip(watched.seconds, alone.seconds, strict=True)]
    result: dict[str, object] = {
        "claim": work.name,
        "ratio": ratio,
        "processor_ratio": by_processor,
        "median_of_turns": median(pairs),
        "range_of_turns": spread(pairs),
        "goal": work.limit,
        "steps": steps * given.rounds,
        "samples": len(watch.observer.seen.samples.rows),
        "step_seconds": median(alone.seconds) / steps,
        "start_seconds": started,
        "stop_seconds": stopped,
        "machine": machine(),
    }
    verdict = "met" if by_processor <= work.limit else "MISSED"
    print(
        f"{work.name}: watched takes {ratio:.4f} by the clock, {by_processor:.4f} by the "
        f"processor, median of turns {median(pairs):.4f}; goal {work.limit:g}: {verdict}\n"
        f"  {steps * given.rounds:,} steps of {1e6 * median(alone.seconds) / steps:,.0f} µs, "
        f"{result['samples']} samples; start {1000 * started:.0f} ms, stop {1000 * stopped:.0f} ms"
    )
    return result


def parse() -> argparse.Namespace:
    """The options."""
    parser = options(__doc__, 200)
    parser.add_argument("--data-dir", type=Path, help="where MNIST's files are looked for first")
    parser.add_argument("--examples", type=int, default=12_000, help="images, default 12,000")
    given = parser.parse_args()
    if given.quick:
        given.rounds = min(given.rounds, 20)
    return given


if __name__ == "__main__":
    options_given = parse()
    for one in WORKS:
        outcome = measured(one, options_given)
        if options_given.json is not None:
            write(options_given.json, outcome)
