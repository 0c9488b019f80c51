"""60 networks on digits train 10 times as fast as in a loop over plain torch; larger ones 4 times.

The larger ones are bound by their matrix products, those of the steps and of the evaluations, and
reach 60 % of the pace at which `torch.mm` multiplies the same shapes on both cores. descend's time
is that of `descend.compare` from the recipe to the verdict, the start of its processes included.
"""

from functools import partial

from side_by_side import Goal, Result, both_cores, measure, options, report

RATES, SEEDS = [1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2], 10
# hidden layers, batch, and the epochs that descend chooses, so that some 3,000 steps are taken
WORKS = {"64-32-32-10": ([32, 32], 32, 82), "64-256-256-10": ([256, 256], 100, 250)}
GOALS = {"64-32-32-10": 10, "64-256-256-10": 4}

if __name__ == "__main__":
    parser = options(__doc__, rounds=5)
    parser.add_argument("--threads", type=int, default=1, help="of plain torch, default 1")
    given = parser.parse_args()
    both_cores()
    from peers import in_torch, ours, products
    from peers.images import digits

    data = digits()
    runs = len(RATES) * SEEDS
    for claim, (hidden, batch, epochs) in WORKS.items():
        epochs = epochs // 10 if given.quick else epochs
        is_bound = claim == "64-256-256-10"
        training = {"batch_size": batch, "drop_last": True, "epochs": epochs, "evaluate": []}
        recipe = {
            "data": {"source": "digits"},
            "network": {"hidden": hidden, "init": "torch"},
            "training": training,
        }
        contenders = in_torch.anew(
            data, hidden, batch, lr=0.001, epochs=epochs, threads=given.threads
        )
        contenders.append(ours.compared(runs, recipe, vary={"training.lr": RATES}, seeds=SEEDS))
        goals = [Goal("plain torch", "training", GOALS[claim])]
        if is_bound:
            all_of_one = partial(products.of_one, [64, *hidden, 10], batch, data, epochs)
            contenders.append(products.on_each_core(all_of_one, cores=2))
            goals.append(Goal("its products alone", "training", 0.6))
        about = f"batch {batch}, {len(RATES)} rates × {SEEDS} seeds, {epochs} epochs, digits"
        result = Result(claim, about, "a run", goals, "both cores for descend")
        report(measure(result, contenders, 2 if given.quick else given.rounds), given.json)
