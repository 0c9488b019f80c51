"""Sampled measurements of every run, layer and quantity cost at most 3 % of training time.

The time is the processor's: for so small a difference the clock tells too much of other programs.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from time import process_time
from typing import Any

from side_by_side import one_thread, options

GOAL = 1.03
UNMEASURED = {"training.measure_every": 0, "training.measure_first": 0}
XOR = {
    "data": {"source": "xor"},
    "network": {"hidden": [2], "activation": "sigmoid", "init": "torch", "output": "sigmoid"},
    "training": {"optimizer": "sgd", "lr": 1.0, "epochs": 10001},
}
IMAGES = {"source": "digits", "validation": 0, "test": 0}
WORKS = {
    "xor-nn, 10,001 steps": XOR,
    "64-256-256-10, batch 100": {
        "data": IMAGES,
        "network": {"hidden": [256, 256]},
        "training": {"batch_size": 100, "epochs": 100, "evaluate": []},
    },
    "64-32-32-10, batch 32": {
        "data": IMAGES,
        "network": {"hidden": [32, 32]},
        "training": {"batch_size": 32, "epochs": 100, "evaluate": []},
    },
}


def seconds(recipe: Mapping[str, Any], edits: Mapping[str, Any]) -> float:
    """The time of one training."""
    from descend.intake import complete_with_examples
    from descend.recipe import Recipe
    from descend.training.training import Training

    completed, examples = complete_with_examples(Recipe.of(recipe).edited(edits), None, None)
    training = Training([completed], examples)
    begin = process_time()
    training.run(Silent())
    return process_time() - begin


class Silent:
    """A watcher that wants nothing."""

    def tell(self, progress: object) -> None: ...

    def wants_checkpoint(self) -> bool:
        return False

    def save(self, state: object) -> None: ...

    def wants_to_stop(self) -> bool:
        return False


if __name__ == "__main__":
    given = options(__doc__, rounds=9).parse_args()
    one_thread()
    for name, recipe in WORKS.items():
        seconds(recipe, {})
        ratios = []
        for number in range(3 if given.quick else given.rounds):
            pair = ({}, UNMEASURED) if number % 2 else (UNMEASURED, {})
            took = {bool(edits): seconds(recipe, edits) for edits in pair}
            ratios.append(took[False] / took[True])
        median = statistics.median(ratios)
        verdict = "met" if median <= GOAL else "MISSED"
        spread = f"{min(ratios):.3f}-{max(ratios):.3f}"
        print(f"{name:26s} measured / unmeasured {median:.3f} ({spread})  goal {GOAL}: {verdict}")
