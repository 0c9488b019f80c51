"""Stacks train fastest in processes of one thread each, once these have paid for their start.

Each comparison is carried out whole in three ways: in one process on one thread, in one process on
two threads, and in two processes of one thread. The plan chooses the fastest of them, or nearly.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

from side_by_side import both_cores, options, spread, write

NEARLY = 1.1  # times the time of the fastest way, at most
WAYS = {"1 thread": (1, 1), "2 threads": (1, 2), "2 processes": (2, 1)}  # processes, threads
WORKS: dict[str, tuple[str, list[int], int | None, int, int]] = {
    # source, hidden, batch, steps, networks
    "xor-nn, begun": ("xor", [2], None, 1, 2),
    "xor-nn": ("xor", [2], None, 10_001, 1_000),
    "xor-nn, longer": ("xor", [2], None, 50_001, 1_000),
    "64-32-32-10, batch 32": ("digits", [32, 32], 32, 3_000, 60),
    "64-256-256-10, batch 100": ("digits", [256, 256], 100, 600, 60),
    "784-32-32-10, batch 32": ("mnist", [32, 32], 32, 5_000, 20),
    "784-256-256-10, batch 100": ("mnist", [256, 256], 100, 1_200, 8),
    "784-1024-1024-10, batch 100": ("mnist", [1024, 1024], 100, 100, 4),
}


def recipe_of(source: str, hidden: list[int], batch: int | None, steps: int) -> dict[str, Any]:
    """A recipe without evaluations but the last one."""
    network: dict[str, Any] = {"hidden": hidden}
    training: dict[str, Any] = {"steps": steps, "evaluate": []}
    if batch is None:
        network |= {"activation": "sigmoid", "output": "sigmoid"}
        training |= {"optimizer": "sgd", "lr": 1.0, "epochs": steps}
    else:
        training |= {"batch_size": batch, "epochs": steps}
    return {"data": {"source": source}, "network": network, "training": training}


@contextmanager
def forced(threads: int) -> Iterator[None]:
    """Split every comparison among all processes, and give the only process so many threads."""
    from descend.comparison import plan, stacking

    with (
        patch.object(plan, "WORTH_SPLITTING", 0.0),
        patch.object(stacking, "threads_for", lambda *_: threads),
    ):
        yield


class Planned(Exception):
    """Ends a comparison before it begins."""


def chosen_way(comparison: Any) -> str:
    """The way that the plan chooses, its threads capped at two."""
    from descend.compute import device_named, threads_for

    found = []

    def look(prepared: Any) -> None:
        members = prepared.plan.stacks[0].members
        recipes = [prepared.variants[place].recipe for place, _ in members]
        examples = prepared.builder.examples_of(recipes[0])
        threads = min(2, threads_for(recipes, examples, device_named("cpu")))
        processes = prepared.plan.processes
        found.append((processes, 1 if processes > 1 else threads))
        raise Planned

    with suppress(Planned):
        comparison.ask(processes=2, before=look)
    return next(way for way, pair in WAYS.items() if pair == found[0])


if __name__ == "__main__":
    given = options(__doc__, rounds=5).parse_args()
    both_cores()
    from peers.images import images
    from peers.ours import Compared

    mnist = images(12_000, 2_000, None).as_examples()
    for name, (source, hidden, batch, steps, runs) in WORKS.items():
        steps = max(1, steps // 10) if given.quick else steps
        comparison = Compared(
            recipe_of(source, hidden, batch, steps),
            vary={"network.init": ["torch", "xavier_normal"]},
            seeds=runs // 2,
            data=mnist if source == "mnist" else None,
        )
        taken: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(1 if given.quick else given.rounds):
            for way, (processes, threads) in WAYS.items():
                with forced(threads):
                    begin = perf_counter()
                    comparison.ask(processes=processes)
                    taken[way].append(perf_counter() - begin)
        chosen = chosen_way(comparison)
        fastest = min(taken, key=lambda way: median(taken[way]))
        pairs = zip(taken[chosen], taken[fastest], strict=True)
        times = median(mine / least for mine, least in pairs)
        verdict = "met" if times <= NEARLY else "MISSED"
        print(f"{runs:,} networks {name}, {steps:,} steps")
        for way, each in taken.items():
            least, middle, most = spread(each)
            line = f"  {way:14}{f'{middle:.2f} s ({least:.2f}-{most:.2f})':26}"
            if way == chosen:
                line += f"chosen, {times:.2f} times the fastest  goal {NEARLY}: {verdict}"
            print(line.rstrip(), flush=True)
        if given.json is not None:
            result = {"claim": f"{runs} networks {name}", "steps": steps, "seconds": taken}
            write(given.json, {**result, "chosen": chosen})
