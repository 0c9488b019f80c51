"""1,000 networks xor-nn are compared 800 times as fast per network as a loop of torch trains one.

The comparison is ten learning rates with 100 seeds each, from `descend.compare` to the verdict:
with the start of its processes, evaluations, statistics and the files that it writes.
"""

from side_by_side import Goal, Result, as_one, both_cores, measure, options, report

STEPS = 10_001
RATES, SEEDS = [0.1 * place for place in range(1, 11)], 100

if __name__ == "__main__":
    given = options(__doc__, rounds=7).parse_args()
    steps = 1_001 if given.quick else STEPS
    both_cores()
    from peers import in_jax, in_torch, ours

    runs = len(RATES) * SEEDS
    compared = ours.compared(runs, "xor-nn", vary={"training.lr": RATES}, seeds=SEEDS, epochs=steps)
    peers = [*in_torch.on_xor(steps), *in_jax.on_xor(runs, steps)]
    goals = [Goal("tutorial", "training", 800)]
    about = f"{steps:,} steps, {len(RATES)} rates × {SEEDS} seeds beside one run of torch"
    result = Result("comparison of xor-nn", about, "a run", goals, "both cores for descend and JAX")
    contenders = [*map(as_one, peers), compared]
    report(measure(result, contenders, 3 if given.quick else given.rounds), given.json)
