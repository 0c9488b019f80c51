"""A contest on images: descend and its peers on one network, epoch by epoch."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from side_by_side import Contender, Goal, Result, measure, one_thread, options, report

from peers import in_jax, in_keras, in_torch, ours
from peers.images import images

WITH_TORCH = (in_torch.on_images,)
ALL = (in_torch.on_images, in_jax.on_images, in_keras.on_images)


def parse(about: str | None, rounds: int, examples: int) -> argparse.Namespace:
    """The options of a script that needs images."""
    parser = options(about, rounds)
    parser.add_argument("--data-dir", type=Path, help="where MNIST's files are looked for first")
    parser.add_argument(
        "--examples", type=int, default=examples, help=f"images an epoch, default {examples:,}"
    )
    given = parser.parse_args()
    if given.quick:
        given.rounds, given.examples = min(given.rounds, 3), min(given.examples, 3000)
    one_thread()
    return given


def on_images(
    given: argparse.Namespace,
    claim: str,
    about: str,
    hidden: list[int],
    batch: int,
    *,
    goals: Sequence[Goal],
    lr: float = 0.001,
    batch_norm: bool = False,
    evaluates: bool = False,
    peers: Sequence[Callable[..., list[Contender]]] = ALL,
) -> Result:
    """Measure and report one claim."""
    data = images(given.examples, given.examples // 6, given.data_dir)
    settings: dict[str, Any] = {"lr": lr, "batch_norm": batch_norm, "evaluates": evaluates}
    contenders = [
        contender for peer in peers for contender in peer(data, hidden, batch, **settings)
    ]
    settings["batch_norm"] = "before" if batch_norm else False
    contenders.insert(min(2, len(contenders)), ours.on_images(data, hidden, batch, **settings))
    tested = f" and {len(data.x_test):,} for testing" if evaluates else ""
    seen = f"{about}; {len(data.x):,} images an epoch{tested}, {data.name}"
    result = measure(Result(claim, seen, "an epoch", goals), contenders, given.rounds)
    report(result, given.json)
    return result
