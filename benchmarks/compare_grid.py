"""A grid of 2,000 networks xor-nn, 10,001 steps each, is compared in less than a minute."""

from side_by_side import both_cores, options, spread, write

GOAL = 60.0
STEPS = 10_001
VARY = {
    "network.activation": ["sigmoid", "tanh", "relu", "leaky_relu", "elu"],
    "network.init": ["torch", "xavier_normal", "xavier_uniform", "he_normal", "lecun_normal"],
    "training.lr": [0.03, 0.1, 0.3, 1.0],
}
SEEDS = 20

if __name__ == "__main__":
    given = options(__doc__, rounds=3).parse_args()
    steps = 1_001 if given.quick else STEPS
    both_cores()
    from time import perf_counter

    from peers.ours import Compared

    comparison = Compared("xor-nn", vary=VARY, seeds=SEEDS, epochs=steps)
    taken = []
    for _ in range(1 if given.quick else given.rounds):
        begin = perf_counter()
        comparison.ask()
        taken.append(perf_counter() - begin)
    least, middle, most = spread(taken)
    runs = len(comparison.comparison.results)
    verdict = "met" if middle < GOAL else "MISSED"
    print(f"{runs:,} networks, {steps:,} steps: {middle:.1f} s ({least:.1f}-{most:.1f})")
    print(f"  goal {GOAL:.0f} s: {verdict}")
    print(f"  {comparison.comparison.conclusion}")
    if given.json is not None:
        write(given.json, {"claim": "grid of xor-nn", "seconds": taken, "goal": GOAL})
