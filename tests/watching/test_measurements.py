"""What a watch measures is what autograd, plain arithmetic and `descend.train` say it is."""

from __future__ import annotations

import numpy as np
import polars
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

import descend
from descend.trace.measurements import QUANTITIES
from descend.watching.samples import Samples
from descend.watching.watch import Watch
from tests.watching.scenes import SCENES, Scene, batch, functional_mlp, mlp

# both are sums of some hundred numbers in float32, added up in another order
RTOL = 2e-5


def frame_of(watch: Watch) -> polars.DataFrame:
    return watch.observer.seen.trace()


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_quantities_are_those_of_a_trained_recipe(optimizer: str) -> None:
    """The same network on the same batches, in our own loop and in a plain one."""
    torch.manual_seed(3)
    x, y = torch.randn(48, 6).double(), torch.randint(3, (48,))
    model = nn.Sequential(
        nn.Linear(6, 10),
        nn.ReLU(),
        nn.Linear(10, 9),
        nn.BatchNorm1d(9),
        nn.Tanh(),
        nn.Linear(9, 8),
        nn.Sigmoid(),
        nn.Linear(8, 3),
    ).double()
    training = {"optimizer": optimizer, "lr": 0.1, "batch_size": "all", "dtype": "float64"}
    recipe = {
        "data": {"scale": "none", "validation": 0, "test": 0},
        "training": {**training, "epochs": 12, "measure_every": 1, "seed": 1},
    }
    run = descend.train(recipe, data=(x.numpy(), y.numpy()), model=model, out=None)
    steps: dict[str, type[torch.optim.Optimizer]] = {
        "sgd": torch.optim.SGD,
        "adam": torch.optim.Adam,
    }
    optimizing = steps[optimizer](model.parameters(), lr=0.1)  # type: ignore[call-arg]
    with descend.watch(model, optimizing, every=1, out=None, quiet=True) as watch:
        for _ in range(12):
            optimizing.zero_grad()
            functional.cross_entropy(model(x), y).backward()
            optimizing.step()
    order = ["step", "layer", "quantity"]
    ours, theirs = frame_of(watch).sort(order), run.trace.sort(order)
    assert ours.columns == theirs.columns
    assert ours.drop("value").equals(theirs.drop("value"))
    # float64, but for norms that torch takes in float64 in another order
    np.testing.assert_allclose(ours["value"], theirs["value"], rtol=1e-9, atol=1e-12)


def test_quantities_are_those_of_autograd() -> None:
    """A loop that computes by hand, step by step, what the watch should find."""
    scene = functional_mlp()
    layers = [one for one in scene.model.children() if isinstance(one, nn.Linear)]
    expected: list[list[list[float]]] = []
    given: dict[nn.Module, Tensor] = {}
    for layer in layers:
        layer.register_forward_hook(lambda module, _, z: given.update({module: z.detach().clone()}))
    activations = [
        torch.relu,
        torch.sigmoid,
        functional.leaky_relu,
        lambda z: z,
    ]
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        for number in range(8):
            before = [layer.weight.detach().clone() for layer in layers]
            scene.step(number)
            expected.append(
                [
                    by_hand(activation(given[layer]), activation, layer, old)
                    for layer, activation, old in zip(layers, activations, before, strict=True)
                ]
            )
    table = np.array(expected)
    for place, name in enumerate(QUANTITIES):
        measured = watch.observer.seen.samples.quantity(name, len(layers))
        np.testing.assert_allclose(measured, table[:, :, place], rtol=RTOL, atol=1e-7, err_msg=name)


def by_hand(a: Tensor, activation: object, layer: nn.Linear, old: Tensor) -> list[float]:
    """The quantities of one layer after a step, whose gradient is still there."""
    gradient = layer.weight.grad
    assert gradient is not None
    is_relu, is_sigmoid = activation is torch.relu, activation is torch.sigmoid
    zeros = (a == 0).double()
    flat = ((a - 0.5).abs() > 0.5 - 1 / (1 + np.exp(5))).double().mean()
    return [
        float(a.mean()),
        float(a.std(correction=0)),
        float(zeros.mean()) if is_relu else np.nan,
        float(zeros.all(dim=0).double().mean()) if is_relu else np.nan,
        float(flat) if is_sigmoid else np.nan,
        float(gradient.norm()),
        float(old.norm()),
        float((layer.weight.detach() - old).norm() / old.norm()),
    ]


def losses_of(name: str, *, given: bool) -> tuple[NDArray[np.float64], list[float]]:
    """The losses that a watch saw, and those that the loop itself computed."""
    scene = SCENES[name]()
    seen: list[float] = []
    original = torch.Tensor.backward

    def backward(root: Tensor, *args: object, **kwargs: object) -> None:
        seen.append(float(root.detach()))
        original(root, *args, **kwargs)  # type: ignore[arg-type]

    told = (scene.optimizers, scene.criterion) if given else (None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.Tensor, "backward", backward)
        with descend.watch(scene.model, *told, every=1, out=None, quiet=True) as watch:
            scene.run(6)
    return watch.record().losses, seen


@pytest.mark.parametrize("given", [True, False])
def test_the_loss_is_that_before_it_was_scaled(given: bool) -> None:
    watched, scaled = losses_of("mixed_precision", given=given)
    np.testing.assert_allclose(watched, np.array(scaled) / 2.0**10, rtol=1e-6)


@pytest.mark.parametrize("given", [True, False])
def test_the_loss_of_accumulated_batches_is_their_mean(given: bool) -> None:
    watched, parts = losses_of("accumulation", given=given)
    np.testing.assert_allclose(watched, 4 * np.array(parts).reshape(6, 4).mean(axis=1), rtol=1e-6)


def test_every_loss_is_kept_where_that_costs_nothing() -> None:
    scene = mlp()
    with descend.watch(scene.model, every=4, out=None, quiet=True) as watch:
        scene.run(12)
    sampled, every = watch.record(), watch.observer.seen.curve.losses
    assert list(sampled.steps) == [0, 4, 8]
    assert len(every) == 12
    np.testing.assert_array_equal(sampled.losses, every[::4])
    metrics = watch.observer.seen.metrics(12)
    assert metrics["step"].to_list() == list(range(12))
    np.testing.assert_array_equal(metrics["train/loss"], every)


def dying(bias: float) -> Scene:
    """A network of 8 ReLU units, the first four of which get a bias."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))
    with torch.no_grad():
        model[0].bias[:4] = bias
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)

    def step(number: int) -> None:
        x, y = batch(number)
        functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return Scene(model, step, [optimizer])


def test_a_unit_is_dead_if_no_example_of_many_batches_moves_it() -> None:
    """A unit that 3 % of the examples move is dead in most batches of 16, and still alive."""
    for bias, dead in ((-100.0, 0.5), (-1.1, 0.0)):
        scene = dying(bias)
        with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
            scene.run(60)
        record = watch.record()
        assert record.units["dead"][0] == dead
        assert record.quantities["dead_share"][:, 0].mean() > 0.2


def test_of_few_examples_nobody_says_which_units_are_dead() -> None:
    scene = dying(-100.0)
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        scene.run(3)
    assert np.isnan(watch.record().units["dead"][0])


def test_units_that_die_are_seen_to_be_dead_though_they_lived_before() -> None:
    scene = dying(0.0)
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        scene.run(5)
        with torch.no_grad():
            dict(scene.model.named_parameters())["0.bias"][:4] = -100.0
        scene.run(200)
    assert watch.record().units["dead"][0] == 0.5


def test_a_watch_that_begins_later_claims_nothing_about_the_beginning() -> None:
    scene = SCENES["attention"]()
    scene.run(7)
    with descend.watch(scene.model, every=1, out=None, quiet=True) as watch:
        scene.run(3)
    record = watch.record()
    assert list(record.steps) == [7, 8, 9]
    assert {layer.spread for layer in record.layers} == {None}


def test_samples_are_a_table_as_a_trace_is() -> None:
    scene = mlp()
    with descend.watch(scene.model, every=2, out=None, quiet=True) as watch:
        scene.run(6)
    frame = frame_of(watch)
    assert frame.schema == {
        "run": polars.Int32,
        "step": polars.Int64,
        "layer": polars.Int32,
        "quantity": polars.String,
        "value": polars.Float64,
    }
    assert frame["step"].unique().sort().to_list() == [0, 2, 4]
    assert Samples().frame(0).height == 0
