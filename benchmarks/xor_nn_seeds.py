"""1,000 seeds of xor-nn train as one program, 800 times as fast per run as a loop of torch."""

from side_by_side import Goal, Result, measure, one_thread, options, report

STEPS = 10_001
SEEDS = 1_000

if __name__ == "__main__":
    given = options(__doc__, rounds=7).parse_args()
    steps = 1_001 if given.quick else STEPS
    one_thread()
    from peers import in_jax, in_torch, ours

    contenders = [*in_torch.on_xor(steps), ours.on_xor(SEEDS, steps), *in_jax.on_xor(SEEDS, steps)]
    goals = [Goal("tutorial", "training", 800), Goal("plain torch", "training", 800)]
    about = f"2-2-1, sigmoid, BCE, SGD, {steps:,} steps, {SEEDS:,} seeds beside one run of torch"
    result = Result("xor-nn, 1,000 seeds", about, "a run", goals)
    report(measure(result, contenders, 3 if given.quick else given.rounds), given.json)
