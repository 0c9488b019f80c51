"""A whole proof costs at most ten ordinary trainings of the recipe that it is about.

Each recipe, with a fault that is found and named, is trained once and proven once, in turn, with
one thread. The cost is that by counts, as `diagnose --prove` states it; the clock beside it counts
the loading of examples, the plans and the tests as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from time import perf_counter
from typing import Any

from side_by_side import one_thread, options, spread, write

MOST = 10.0
CASES: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "xor, sigmoid, 10,000 steps": (
        "xor",
        {
            "network.hidden": [2],
            "network.activation": "sigmoid",
            "training.optimizer": "sgd",
            "training.lr": 0.01,
            "training.epochs": 10_000,
        },
    ),
    "moons, 440 steps, rate 1e-6": ("moons", {"training.lr": 1e-6, "training.epochs": 40}),
    "digits, N(0, 1) weights, 20 epochs": (
        "digits",
        {"network.init": "normal", "training.epochs": 20},
    ),
    "digits, 2 epochs": ("digits", {"training.epochs": 2, "training.lr": 1e-4}),
    "digits, 512-512-512, zero weights": (
        "digits",
        {
            "network.hidden": [512, 512, 512],
            "network.init": "zeros",
            "network.bias_init": "zeros",
            "training.epochs": 20,
        },
    ),
}


def main() -> None:
    """Train and prove each recipe in turn, and tell what the proof cost."""
    given = options(__doc__, rounds=5).parse_args()
    one_thread()
    from descend.api import train
    from descend.diagnosis.diagnosing import diagnose
    from descend.diagnosis.proving import prove

    measured: dict[str, dict[str, list[float]]] = {}
    is_met = True
    print(f"{'recipe':38}{'one training':>14}{'cost':>7}{'by the clock':>20}")
    for name, (source, edits) in CASES.items():
        diagnosis = diagnose(source, edits=edits)
        taken: dict[str, list[float]] = {"training": [], "proof": [], "cost": []}
        for _ in range(2 if given.quick else given.rounds):
            begin = perf_counter()
            train(source, edits=edits, out=None, threads=1)
            taken["training"].append(perf_counter() - begin)
            begin = perf_counter()
            proof = prove(diagnosis.base, diagnosis.findings)
            taken["proof"].append(perf_counter() - begin)
            taken["cost"].append(proof.cost)
        pairs = zip(taken["proof"], taken["training"], strict=True)
        least, middle, most = spread([proof / once for proof, once in pairs])
        cost, once = max(taken["cost"]), median(taken["training"])
        is_met &= cost <= MOST
        clock = f"{middle:.1f} ({least:.1f}-{most:.1f})"
        print(f"{name:38}{f'{1000 * once:,.0f} ms':>14}{cost:7.1f}{clock:>20}")
        measured[name] = taken
    print(f"goal: a cost of {MOST:g} at most: {'met' if is_met else 'MISSED'}")
    if given.json is not None:
        write(given.json, {"claim": "a proof costs ten trainings", "measured": measured})


if __name__ == "__main__":
    main()
