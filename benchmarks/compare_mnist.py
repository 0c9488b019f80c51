"""20 networks train 1.5 times as fast as JAX's vmap, 40 times as fast as the tutorials' loop.

descend's time is that of `descend.compare` from the recipe to the verdict, the start of its
processes and the last evaluation included; JAX has compiled its epoch before, and goes on with its
20 seeds from round to round.
"""

from side_by_side import Goal, Result, both_cores, measure, report

HIDDEN, BATCH, LR = [32, 32], 32, 0.001
NETWORKS = 20
EPOCHS, JAX_EPOCHS = 15, 3  # 15 as in the tutorials

if __name__ == "__main__":
    both_cores()
    from peers import in_jax, in_torch, ours
    from peers.contest import parse
    from peers.images import images

    given = parse(__doc__, rounds=5, examples=60_000)
    data = images(given.examples, given.examples // 6, given.data_dir)
    recipe = {
        "data": {"source": "mnist"},
        "network": {"hidden": HIDDEN},
        "training": {
            "lr": LR,
            "batch_size": BATCH,
            "drop_last": True,
            "epochs": EPOCHS,
            "evaluate": [],
            "seed": 777,
        },
    }
    compared = ours.compared(
        NETWORKS * EPOCHS,
        recipe,
        vary={"network.init": ["torch", "he_normal"]},
        seeds=NETWORKS // 2,
        data=data.as_examples(),
    )
    tutorial, _ = in_torch.on_images(data, HIDDEN, BATCH, lr=LR)
    contenders = [
        tutorial,
        *in_jax.on_images_with_seeds(data, HIDDEN, BATCH, lr=LR, seeds=NETWORKS, epochs=JAX_EPOCHS),
        compared,
    ]
    goals = [Goal("tutorial", "training", 40), Goal("jax", "training", 1.5)]
    about = f"784-32-32-10, batch {BATCH}, {NETWORKS} networks, {EPOCHS} epochs, {data.name}"
    threads = "both cores for descend and JAX"
    result = Result("20 networks on MNIST", about, "an epoch", goals, threads)
    report(measure(result, contenders, given.rounds), given.json)
