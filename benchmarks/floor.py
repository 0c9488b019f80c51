"""What a step takes beside the torch operations that it cannot do without.

A loop of nothing but these operations is as fast as any program can be that calls them one after
the other; to be faster, it would need other kernels. What is compared are seconds of the processor,
as nobody else's work counts among them.
"""

from side_by_side import OURS, Contender, Result, measure, one_thread, options, spread, write

WORKS = {
    # images, hidden layers, batch, networks in a stack of a comparison, steps
    "mnist-nn": ("mnist", [256, 256], 100, 1, 200),
    "10 networks 784-32-32-10": ("mnist", [32, 32], 32, 10, 300),
    "6 networks 64-256-256-10": ("digits", [256, 256], 100, 6, 100),
}

if __name__ == "__main__":
    parser = options(__doc__, rounds=25)
    parser.add_argument("--data-dir", help="where MNIST's files are looked for first")
    given = parser.parse_args()
    one_thread()
    from peers import bare, ours, products
    from peers.images import digits, images

    for name, (source, hidden, batch, runs, steps) in WORKS.items():
        data = digits() if source == "digits" else images(12_000, 2_000, given.data_dir)
        widths = [data.x.shape[1], *hidden, 10]
        contenders = [
            ours.in_steps(data, hidden, batch, runs, steps),
            *bare.loops(data, hidden, batch, runs, steps),
            Contender(
                "its products alone",
                {"training": products.Products(widths, batch, runs * steps).multiply},
            ),
        ]
        result = Result(name, f"batch {batch}", f"{steps} steps")
        measure(result, contenders, 5 if given.quick else given.rounds)
        print(f"{name}, batch {batch}, {steps} steps: seconds of the processor")
        for contender, seconds in result.processor["training"].items():
            least, middle, most = (1000 * each for each in spread(seconds))
            line = f"  {contender:20}{f'{middle:.1f} ms ({least:.1f}-{most:.1f})':28}"
            if contender != OURS:
                times = spread(result.ratios("training", contender, of_processor=True))
                line += f"{times[1]:.2f} times ours ({times[0]:.2f}-{times[2]:.2f})"
            print(line.rstrip(), flush=True)
        if given.json is not None:
            write(given.json, result.to_json())
