"""mnist-batchnorm and its twin, evaluated on both splits after each epoch, in a ninth of the time.

The time is that of training and evaluation together; both are also reported apart.
"""

from side_by_side import Goal

if __name__ == "__main__":
    from peers.contest import on_images, parse

    given = parse(__doc__, rounds=7, examples=12_000)
    for claim, batch_norm in {"mnist-batchnorm": True, "its twin without": False}.items():
        on_images(
            given,
            claim,
            "784-32-32-10, ReLU, Adam, batch 32, evaluated on train and test",
            [32, 32],
            32,
            lr=0.01,
            batch_norm=batch_norm,
            evaluates=True,
            goals=[Goal("tutorial", "together", 9), Goal("plain torch", "together", 2.5)],
        )
