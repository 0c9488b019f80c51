"""xor-nn trains 4 times as fast as a loop of torch, one run of 10,001 steps beside another."""

from side_by_side import Goal, Result, measure, one_thread, options, report

STEPS = 10_001

if __name__ == "__main__":
    given = options(__doc__, rounds=7).parse_args()
    steps = 2_001 if given.quick else STEPS
    one_thread()
    from peers import in_jax, in_keras, in_torch, ours

    contenders = [*in_torch.on_xor(steps), ours.on_xor(1, steps), *in_jax.on_xor(1, steps)]
    contenders += in_keras.on_xor(steps)
    goals = [Goal("tutorial", "training", 4), Goal("plain torch", "training", 4)]
    about = f"2-2-1, sigmoid, BCE, SGD, {steps:,} steps"
    result = Result("xor-nn, one run", about, "a run", goals)
    report(measure(result, contenders, 3 if given.quick else given.rounds), given.json)
