"""mnist-nn trains 5 times as fast as the tutorial does, and 1.5 times as fast as plain torch."""

from side_by_side import Goal

if __name__ == "__main__":
    from peers.contest import on_images, parse

    on_images(
        parse(__doc__, rounds=9, examples=12_000),
        "mnist-nn",
        "784-256-256-10, ReLU, Adam, batch 100",
        [256, 256],
        100,
        goals=[Goal("tutorial", "training", 5), Goal("plain torch", "training", 1.5)],
    )
